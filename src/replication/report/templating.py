"""Templates of the page, filled. Needs no torch, no pandas."""

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

_templates = Environment(
    loader=PackageLoader("replication.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True,
    undefined=StrictUndefined,
)  # fmt: skip


def render(template: str, **values: object) -> Markup:
    """Fill templates/<template>; everything but markup is escaped."""
    return Markup(_templates.get_template(template).render(**values))


def render_notes(name: str, **values: object) -> Markup:
    """Fill the notes of an item, a macro of templates/notes.html."""
    return Markup(getattr(_templates.get_template("notes.html").module, name)(**values))
