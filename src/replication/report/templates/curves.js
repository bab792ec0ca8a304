// Charts of the training curves: ours, and where it is ticked the paper's on the same axes. Each .chart holds its points as
// JSON (report/curves.py), and is drawn when it is opened; the drawings after it serve print and readers without scripts. uPlot
// draws the lines, and zooms; all else is here.
(() => {
  "use strict";
  const WORDS = {train: "training", test: "test", share: "share of the schedule", iterations: "iterations"};
  // Of the paper, then of each study: dashes and width of a test curve and of a training curve.
  const STROKES = [
    {test: [[2, 3], 1.7], train: [[2, 6], 1.7]}, {test: [[], 2.2], train: [[8, 4], 1.3]},
    {test: [[12, 3, 2, 3], 1.6], train: [[5, 3, 2, 3], 1.2]}, {test: [[], 1], train: [[3, 3], 1]},
  ];
  const CORNERS = {
    s: [[-1, -1], [1, -1], [1, 1], [-1, 1]], D: [[0, -1.4], [1.4, 0], [0, 1.4], [-1.4, 0]], v: [[-1.3, -1], [1.3, -1], [0, 1.3]],
    "^": [[-1.3, 1], [1.3, 1], [0, -1.3]], P: [[-1.4, 0], [0, 0], [0, -1.4], [0, 0], [1.4, 0], [0, 0], [0, 1.4], [0, 0]],
    X: [[-1.2, -1.2], [0, 0], [1.2, -1.2], [0, 0], [1.2, 1.2], [0, 0], [-1.2, 1.2], [0, 0]], o: null,
    h: [[-1.2, -0.7], [0, -1.4], [1.2, -0.7], [1.2, 0.7], [0, 1.4], [-1.2, 0.7]],
  };
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const ofNet = (net) => colour("net-" + net.colour.slice(1)) || net.colour;
  const stroke = (source, split) => STROKES[Math.min(source, STROKES.length - 1)][split];

  function make(tag, properties, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  /** Index of the nearest of ascending numbers. */
  function nearest(numbers, x) {
    let low = 0, high = numbers.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (numbers[middle] < x) low = middle; else high = middle;
    }
    return x - numbers[low] <= numbers[high] - x ? low : high;
  }

  /** A net's mark: its shape by depth, hollow for a plain net. */
  function mark(context, net, x, y, size) {
    context.setLineDash([]);
    context.lineWidth = size / 2.5;
    context.strokeStyle = ofNet(net);
    context.fillStyle = net.filled ? ofNet(net) : colour("card");
    context.beginPath();
    if (CORNERS[net.mark]) CORNERS[net.mark].forEach(([dx, dy]) => context.lineTo(x + dx * size, y + dy * size));
    else context.arc(x, y, size * 1.1, 0, 7);
    context.closePath();
    context.fill();
    context.stroke();
  }

  /** A picture of a line for the table: of a net with its mark, or of a kind of curve in the page's ink. */
  function sample(net, source, split) {
    const ratio = devicePixelRatio || 1, canvas = make("canvas", {width: 34 * ratio, height: 12 * ratio});
    const context = canvas.getContext("2d"), [dash, width] = stroke(source, split);
    canvas.setAttribute("aria-hidden", "true");
    context.scale(ratio, ratio);
    context.strokeStyle = net ? ofNet(net) : colour("ink");
    context.lineWidth = width;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(1, 6);
    context.lineTo(33, 6);
    context.stroke();
    if (net) mark(context, net, 17, 6, 3.5);
    return canvas;
  }

  function chart(box, number) {
    const {sources, nets, curves, test} = JSON.parse(box.querySelector("script").textContent);
    const here = new Set(curves.filter((curve) => curve.source === 1).map((curve) => curve.net));
    const on = {
      source: new Set([here.size ? 1 : 0]), net: here.size ? here : new Set(nets.keys()), split: new Set(["test"]),
      seeds: new Set(["mean"]), axis: new Set(["share"]),
    };
    if (on.net.size < 3) on.split.add("train");
    let plot = null, lines = [], at = 1; // `at`: where values are read, as a share of the axis in view
    const is = (key, value) => on[key].has(value);
    const unit = (curve, iteration) => is("axis", "share") ? 100 * iteration / curve.length : iteration;
    const place = (x) => is("axis", "share") ? `${+x.toFixed(1)} %` : `${Math.round(x).toLocaleString("en")} iterations`;
    const placeAt = () => { const {min, max} = plot.scales.x; return min + at * (max - min); };
    const end = () => is("axis", "share") ? 100 : Math.max(1, ...lines.map((line) => line.curve.length));

    /** The curves of a source, a split and a net as lines to draw: the mean of the seeds, or each. */
    function linesOf(curve) {
      const seeds = Object.keys(curve.seeds), each = is("seeds", "each");
      return (each ? seeds.map((seed) => [seed]) : [seeds]).map((some) => {
        const line = {curve, seeds: some, iterations: [], x: [], y: [], spread: []};
        curve.iterations.forEach((iteration, i) => {
          const errors = some.map((seed) => curve.seeds[seed][i]);
          if (errors.includes(null)) return; // the mean is of all seeds, or is not
          const mean = errors.reduce((a, b) => a + b) / errors.length;
          line.iterations.push(iteration);
          line.x.push(unit(curve, iteration));
          line.y.push(mean);
          line.spread.push(Math.sqrt(errors.reduce((a, b) => a + (b - mean) ** 2, 0) / (errors.length - 1)));
        });
        return line;
      });
    }

    /** What a line has nearest to a place; nothing where the curve has not begun. */
    function read(line, x) {
      const i = nearest(line.x, x);
      if (!line.x.length || x < line.x[0] - end() / 25) return null;
      const several = line.seeds.length > 1;
      return {i, words: line.y[i].toFixed(2) + (several ? ` ± ${line.spread[i].toFixed(2)}` : "")};
    }

    // Controls, and the table of values, whose first column chooses the nets.
    function choice(type, key, value, ...words) {
      const input = make("input", {type, name: `${key}-${number}`, checked: is(key, value)});
      input.addEventListener("change", () => {
        if (type === "radio") on[key].clear();
        if (input.checked) on[key].add(value); else on[key].delete(value);
        draw();
      });
      return make("label", {}, input, ...words);
    }
    const group = (legend, ...labels) => make("fieldset", {}, make("legend", {textContent: legend}), ...labels);
    const button = (textContent, click) => {
      const made = make("button", {type: "button", textContent});
      made.addEventListener("click", click);
      return made;
    };
    const named = (source) => source.name + (source.fidelity ? ` (${source.fidelity})` : "");
    const controls = make(
      "div", {className: "controls"},
      group("curves of", ...sources.map((source, i) => choice("checkbox", "source", i, named(source)))),
      group("error", choice("checkbox", "split", "test", `test (${test})`), choice("checkbox", "split", "train", "training")),
      group("seeds", choice("radio", "seeds", "mean", "mean"), choice("radio", "seeds", "each", "each")),
      group("axis", choice("radio", "axis", "share", "share of the schedule"), choice("radio", "axis", "iterations", "iterations")),
      group("zoom: drag, or", button("closer", closer), button("whole", () => whole(plot))),
    );
    const panel = make("div", {className: "panel"}), tip = make("div", {className: "tip", hidden: true});
    panel.setAttribute("role", "img");
    panel.setAttribute("aria-label", `${box.dataset.name}: training curves; the table below has their values`);
    const slider = make("input", {type: "range", min: 0, max: 100, step: 1, value: 100});
    slider.setAttribute("aria-label", "where values are read, in percent of the axis");
    for (const event of ["input", "focus"]) slider.addEventListener(event, () => point(slider.value / 100));
    const caption = make("caption"), head = make("tr"), body = make("tbody");
    const rows = nets.map((net, i) => {
      const row = make("tr", {}, make("th", {scope: "row"}, choice("checkbox", "net", i, net.label)));
      body.append(row);
      return row;
    });
    const values = make("table", {className: "values"}, caption, make("thead", {}, head), body);
    box.append(controls, panel, slider, make("div", {className: "scroll", tabIndex: 0}, values));

    /** Fill the table with what every shown curve has at a place. */
    function tell(x) {
      const columns = [...sources.keys()].filter((i) => is("source", i))
        .flatMap((source) => ["test", "train"].filter((split) => is("split", split)).map((split) => ({source, split})));
      const each = is("seeds", "each") ? ", of each seed" : ", mean ± deviation where there are several seeds";
      caption.textContent = `Error (%) at ${place(x)}${each}: the nearest point of each curve`;
      head.replaceChildren(make("th", {scope: "col", textContent: "net"}), ...columns.map(({source, split}) => make(
        "th", {scope: "col"}, `${sources[source].name}, ${WORDS[split]}`, sample(null, source, split))));
      const told = [];
      rows.forEach((row, i) => {
        const cells = columns.map(({source, split}) => {
          const curve = curves.find((of) => of.net === i && of.source === source && of.split === split);
          const found = curve ? linesOf(curve).map((line) => read(line, x)?.words ?? "–").join(" · ") : "";
          if (found && is("net", i)) told.push(`${nets[i].label}, ${sources[source].name}, ${WORDS[split]} ${found}`);
          if (!curve) return make("td", {className: "absent"}, source ? "not run" : "not drawn");
          return curve.runs ? make("td", {className: "here"}, make("a", {href: "#" + curve.runs}, found)) : make("td", {}, found);
        });
        row.replaceChildren(row.firstChild, ...cells);
        row.classList.toggle("off", !is("net", i));
      });
      slider.setAttribute("aria-valuetext", `${place(x)}: ${told.join("; ")}`);
    }

    /** Read values at a share of the axis in view, as the pointer does. */
    function point(share) {
      at = share;
      plot.setCursor({left: at * plot.over.clientWidth, top: 0}, false);
      tell(placeAt());
    }

    function whole(u) {
      const late = lines.flatMap((line) => line.y.filter((_, i) => line.iterations[i] >= line.curve.length / 4));
      const top = Math.max(1, ...late) * 1.05, step = top > 50 ? 20 : top > 15 ? 5 : 1;
      u.batch(() => {
        u.setScale("x", {min: 0, max: end()});
        u.setScale("y", {min: 0, max: Math.min(100, step * Math.ceil(top / step))});
      });
    }

    /** Half of what is shown, around where values are read: for those who do not drag. */
    function closer() {
      const {min, max} = plot.scales.x, width = (max - min) / 2, x = placeAt();
      const from = Math.min(Math.max(x - width / 2, min), max - width);
      const seen = lines.flatMap((line) => line.y.filter((_, i) => line.x[i] >= from && line.x[i] <= from + width));
      at = (x - from) / width;
      plot.batch(() => {
        plot.setScale("x", {min: from, max: from + width});
        if (seen.length) plot.setScale("y", {min: Math.max(0, Math.min(...seen) - 1), max: Math.max(...seen) + 1});
      });
    }

    function drops(u) {
      const shown = [...on.source].flatMap((i) => sources[i].drops.map((drop) => unit({length: sources[i].iterations}, drop)));
      const {ctx, bbox} = u;
      ctx.save();
      ctx.strokeStyle = colour("soft");
      ctx.setLineDash([devicePixelRatio, 3 * devicePixelRatio]);
      for (const drop of new Set(shown)) {
        const x = u.valToPos(drop, "x", true);
        if (x < bbox.left || x > bbox.left + bbox.width) continue;
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
      }
      ctx.restore();
    }

    /** Marks along a line, about 90 pixels apart, so that lines can be told without their colour. */
    function marks(u, series) {
      const line = lines[series - 1], ratio = devicePixelRatio || 1, {left, top, width, height} = u.bbox;
      let last = -1e9;
      u.ctx.save();
      line.x.forEach((value, i) => {
        const x = u.valToPos(value, "x", true), y = u.valToPos(line.y[i], "y", true);
        if (x < left || x > left + width || y < top || y > top + height || x - last < 90 * ratio) return;
        last = x;
        mark(u.ctx, nets[line.curve.net], x, y, (line.curve.source ? 3 : 2.2) * ratio);
      });
      u.ctx.restore();
    }

    /** Names with the last values at the right end, pushed apart, each with a leader to its curve. */
    function labels(u) {
      const {ctx, bbox} = u, ratio = devicePixelRatio || 1, gap = 14 * ratio;
      const first = new Map(); // of each net one line: ours before the paper's, test before training
      const rank = ({curve}) => 2 * (curve.source || 99) + (curve.split === "train");
      [...lines].sort((a, b) => rank(b) - rank(a)).forEach((line) => line.x.length && first.set(line.curve.net, line));
      const ends = [...first.values()].map((line) => {
        const i = nearest(line.x, Math.min(u.scales.x.max, line.x[line.x.length - 1]));
        const y = Math.min(Math.max(u.valToPos(line.y[i], "y", true), bbox.top), bbox.top + bbox.height);
        return {net: nets[line.curve.net], text: `${nets[line.curve.net].label} ${line.y[i].toFixed(1)}`, y, x: u.valToPos(line.x[i], "x", true)};
      }).sort((a, b) => a.y - b.y);
      if (narrow() || ends.length * gap > bbox.height) return;
      ends.forEach((of, i) => { of.at = Math.max(of.y, i ? ends[i - 1].at + gap : bbox.top); });
      ends.reduceRight((below, of) => (of.at = Math.min(of.at, below - gap)), bbox.top + bbox.height + gap);
      ctx.save();
      ctx.font = `${12 * ratio}px system-ui, sans-serif`;
      ctx.textBaseline = "middle";
      ctx.textAlign = "left";
      for (const {net, text, x, y, at: height} of ends) {
        const right = bbox.left + bbox.width;
        ctx.strokeStyle = ofNet(net);
        ctx.lineWidth = ratio;
        ctx.beginPath();
        ctx.moveTo(Math.min(x, right) + 2 * ratio, y);
        ctx.lineTo(right + 14 * ratio, height);
        ctx.stroke();
        mark(ctx, net, right + 19 * ratio, height, 3 * ratio);
        ctx.fillStyle = colour("ink");
        ctx.fillText(text, right + 27 * ratio, height);
      }
      ctx.restore();
    }
    const narrow = () => panel.clientWidth < 560;

    function hover(u) {
      if (u.cursor.left < 0 || u.cursor.top < 0) { tip.hidden = true; return; }
      at = u.cursor.left / u.over.clientWidth;
      slider.value = 100 * at;
      const x = placeAt();
      tell(x);
      const line = lines[u.series.findIndex((series, i) => i && series._focus) - 1], found = line && read(line, x);
      tip.hidden = !found;
      if (!found) return;
      const {curve} = line, seed = line.seeds.length === 1 && line.seeds[0] ? `, seed ${line.seeds[0]}` : "";
      const iteration = line.iterations[found.i];
      tip.replaceChildren(
        make("b", {textContent: `${nets[curve.net].label} ${found.words} %`}),
        ` ${WORDS[curve.split]}, ${sources[curve.source].name}${seed}; iteration ${iteration.toLocaleString("en")} (${+(100 * iteration / curve.length).toFixed(1)} %)`,
      );
      const half = u.over.clientWidth / 2;
      tip.style.left = tip.style.right = "";
      if (u.cursor.left > half) tip.style.right = `${u.over.clientWidth - u.cursor.left + 12}px`;
      else tip.style.left = `${u.cursor.left + 12}px`;
      tip.style.top = `${Math.max(0, u.cursor.top - 44)}px`;
    }

    function draw() {
      lines = curves.filter((of) => is("source", of.source) && is("split", of.split) && is("net", of.net)).flatMap(linesOf);
      plot?.destroy();
      const width = panel.clientWidth, ink = colour("ink"), grid = {stroke: colour("line"), width: 1};
      const axis = {stroke: ink, grid, ticks: {show: false}, font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif"};
      const shown = nets.filter((_, i) => is("net", i)), every = (u, min, max) => [min, max];
      plot = new uPlot({
        width, height: Math.max(280, Math.min(420, width / 2)), padding: [10, narrow() ? 22 : 44 + 7 * Math.max(...shown.map((net) => net.label.length + 5), 0), 0, 0],
        legend: {show: false}, focus: {alpha: 0.35},
        cursor: {
          y: false, focus: {prox: 24}, drag: {x: true, y: true, uni: 30, dist: 5},
          dataIdx: (u, series, i, x) => series && lines[series - 1].x.length
            ? nearest(u.data[0], lines[series - 1].x[nearest(lines[series - 1].x, x)]) : i,
          bind: {dblclick: (u) => () => whole(u)},
        },
        scales: {x: {time: false, auto: false, range: every}, y: {auto: false, range: every}},
        axes: [
          {...axis, size: 26, labelSize: 18, label: WORDS[[...on.axis][0]],
            values: (u, ticks) => ticks.map((tick) => is("axis", "share") ? `${tick} %` : tick.toLocaleString("en"))},
          {...axis, size: 38, labelSize: 20, label: "error (%)"},
        ],
        series: [{}, ...lines.map(({curve}) => {
          const [dash, width] = stroke(curve.source, curve.split);
          return {stroke: ofNet(nets[curve.net]), width, dash, spanGaps: true, points: {show: false}};
        })],
        hooks: {
          ready: [whole], setScale: [(u, scale) => scale === "x" && tell(placeAt())], drawAxes: [drops], drawSeries: [(u, i) => i && marks(u, i)], draw: [labels], setCursor: [hover],
        },
      }, lines.length ? uPlot.join(lines.map((line) => [line.x, line.y])) : [[0]], panel);
      plot.over.append(tip);
      tip.hidden = true;
      rows.forEach((row, i) => { row.querySelector("canvas")?.remove(); row.querySelector("input").after(sample(nets[i], 1, "test")); });
      slider.style.marginLeft = `${plot.bbox.left / devicePixelRatio - 8}px`;
      slider.style.width = `${plot.bbox.width / devicePixelRatio + 16}px`;
      tell(at * end());
    }

    let width = 0;
    new ResizeObserver(() => { if (panel.clientWidth !== width) { width = panel.clientWidth; if (width) draw(); } }).observe(panel);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    box.parentElement.classList.add("charted");
  }

  document.querySelectorAll(".chart").forEach((box, number) => {
    try {
      chart(box, number);
    } catch (error) { // the drawings stand
      box.parentElement.classList.remove("charted");
      throw error;
    }
  });
})();
