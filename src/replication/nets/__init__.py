"""The paper's nets. `by_name.build(net)` is the only way to make one; `names` parses their names."""
