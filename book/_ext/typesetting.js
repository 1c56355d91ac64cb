// MathJax without a browser: a formula of TeX becomes SVG and MathML, both as short as they can be.
// Evaluated by typesetting.py after MathJax's own files; `options` is what it hands over.

function typesetter(options) {
  const {mathjax, adaptors, handlers, input, output, core} = MathJax._;
  const dom = adaptors.liteAdaptor.liteAdaptor();
  handlers.html_ts.RegisterHTMLHandler(dom);

  // the first two would turn an error into red letters; with the third a formula could change others
  const unwanted = ["noerrors", "noundefined", "newcommand"];
  const packages = input.tex.AllPackages.AllPackages.filter((name) => !unwanted.includes(name));
  const font = new output.svg.fonts.tex_ts.TeXFont();
  const page = mathjax.mathjax.document("", {
    InputJax: new input.tex_ts.TeX({
      ...options.tex,
      packages,
      formatError: (_, error) => { throw error; },
    }),
    OutputJax: new output.svg_ts.SVG({fontCache: "global", font}),
  });
  const {fontCache} = page.outputJax, outlines = new Map();
  const name = (id) => id.replace(/^#?MJX-(?:\d+-)?TEX-/, "");
  const cachePath = fontCache.cachePath.bind(fontCache);
  fontCache.cachePath = (variant, code, path) => {
    const id = cachePath(variant, code, path);
    outlines.set(name(id), path);
    return id;
  };
  const mathml = new core.MmlTree.SerializedMmlVisitor.SerializedMmlVisitor();

  const escape = (text) =>
    text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
  const short = (number) => String(Math.round(number * 1000) / 1000).replace(/^(-?)0\./, "$1.");
  const whole = (number) => String(Math.round(number) || 0);
  const quoted = (text) => (/[\s"'=<>`]|^$/.test(text) ? `"${escape(text)}"` : text);
  const words = (attributes) =>
    Object.entries(attributes).map(([key, value]) => ` ${key}=${quoted(String(value))}`).join("");

  // "translate(1,2) scale(0.7)" as [x, y, scale]; null for anything else, such as scale(1,-1)
  function movement(text) {
    const found = /^(?:translate\(([-\d.e]+)[, ]+([-\d.e]+)\))? ?(?:scale\(([-\d.e]+)\))?$/.exec(text);
    return found && [Number(found[1] || 0), Number(found[2] || 0), Number(found[3] || 1)];
  }

  // What a node draws, as pieces [scale, text]. Nested groups are added up, so that a glyph is one
  // element with its place in whole thousandths of an em. MathJax's y points upwards, and one group
  // around all turns it; here every place is turned instead, and every outline once, see `outline`.
  function pieces(node, x, y, scale) {
    const kind = dom.kind(node);
    if (kind === "#comment") return [];
    if (kind === "#text") return [[1, escape(dom.value(node))]];
    const given = dom.allAttributes(node).map(({name, value}) => [name, value]);
    const {transform = "", id, ...rest} =
      Object.fromEntries(given.filter(([key]) => !key.startsWith("data-")));
    const stroked = ["line", "ellipse", "polyline"].includes(kind)
      || given.some(([key]) => key === "data-frame" || key === "data-line");
    const moved = movement(transform);
    const inside = (...place) => dom.childNodes(node).flatMap((child) => pieces(child, ...place));
    // an element that keeps its transformation; in `turned` ones what is inside is turned already
    const placed = (attributes, turned, body) => {
      const own = transform && `scale(1,-1) ${transform}${turned ? " scale(1,-1)" : ""}`;
      const up = transform || turned ? own : "scale(1,-1)";
      const before = x || y ? `translate(${whole(x / scale)},${whole(-y / scale)})` : "";
      const all = [before, up].filter(Boolean).join(" ");
      const opening = `<${kind}${words(all ? {...attributes, transform: all} : attributes)}`;
      return [[scale, body === null ? `${opening} />` : `${opening}>${body}</${kind}>`]];
    };

    if (kind === "g" && moved && !Object.keys(rest).length)
      return inside(x + scale * moved[0], y + scale * moved[1], scale * moved[2]);
    if (kind === "g" || kind === "a") return placed(rest, true, grouped(inside(0, 0, 1)));
    if (kind === "use") {
      const glyph = name(rest["xlink:href"]);
      if (!outlines.get(glyph)) return [];  // a space
      if (!moved || moved[2] !== 1) return placed({href: `#${glyph}`}, true, null);
      const place = {href: `#${glyph}`, x: whole(x / scale + moved[0]), y: whole(-y / scale - moved[1])};
      for (const axis of ["x", "y"]) if (place[axis] === "0") delete place[axis];
      return [[scale, `<use${words(place)} />`]];
    }
    if (kind === "rect" && !transform && !stroked) {
      const {x: left = 0, y: low = 0, width, height, ...others} = rest;
      const place = {
        ...others, x: whole(x / scale + Number(left)), width: whole(width), height: whole(height),
        y: whole(-y / scale - Number(low) - Number(height)),
      };
      return [[scale, `<rect${words(place)} />`]];
    }
    if (kind === "svg") {
      const [left, low, wide, high] = rest.viewBox.split(" ").map(Number);
      rest.y = whole(-Number(rest.y || 0) - Number(rest.height));
      rest.viewBox = [left, -low - high, wide, high].map(whole).join(" ");
      return placed(rest, true, grouped(inside(0, 0, 1)));
    }
    if (kind === "text" && !dom.childNodes(node).length) return [];
    // MathJax leaves the width of frames and lines to a style sheet
    if (stroked) {
      Object.assign(rest, {"stroke-width": rest["stroke-width"] || 70, stroke: "currentColor", fill: "none"});
      if (rest.class === "mjx-dashed") rest["stroke-dasharray"] = 140;
      if (rest.class === "mjx-dotted") Object.assign(rest, {"stroke-dasharray": "0,140", "stroke-linecap": "round"});
      delete rest.class;
    }
    return placed(rest, false, grouped(inside(0, 0, 1)));
  }

  // Neighbours of the same size share one group.
  function grouped(found) {
    let text = "", now = 1;
    for (const [scale, piece] of found) {
      if (scale !== now) text += (now === 1 ? "" : "</g>") + (scale === 1 ? "" : `<g transform=scale(${short(scale)})>`);
      now = scale;
      text += piece;
    }
    return text + (now === 1 ? "" : "</g>");
  }

  function drawing(container) {
    const svg = dom.firstChild(container);
    const {style, width, height, viewBox} =
      Object.fromEntries(dom.allAttributes(svg).map(({name, value}) => [name, value]));
    if (!viewBox) throw new Error("\\tag and what else fills a line is not known: use a label");
    const outer = {
      style: style.replace(/: /g, ":").replace(/(-?)\b0\./, "$1.").replace(/;$/, ""),
      width, height, viewBox: viewBox.split(" ").map(whole).join(" "), "aria-hidden": true,
    };
    const [, group] = dom.childNodes(svg).length > 1 ? dom.childNodes(svg) : [null, dom.firstChild(svg)];
    const inner = dom.childNodes(group).flatMap((child) => pieces(child, 0, 0, 1));
    return `<svg${words(outer)}>${grouped(inner)}</svg>`;
  }

  // MathML to be heard: without what only concerns its looks, and with characters as themselves
  function plain(text) {
    return text
      .replace(/\n\s*/g, "")
      .replace(/ (?!(?:display|linethickness|notation|open|close|mathvariant)=)[-\w:]+="[^"]*"/g, "")
      .replace(/<mspace><\/mspace>|<mi><\/mi>|<\/?(?:mstyle|mpadded)>/g, "")
      .replace(/<mrow>(<(m[ion])>[^<]*<\/\2>)<\/mrow>/g, "$1")
      .replace(/&#x([0-9A-F]+);/gi, (_, code) => String.fromCodePoint(parseInt(code, 16)));
  }

  return {
    // JSON of {svg, mathml, width in ex} or of {error}
    set(tex, display) {
      try {
        const item = new page.options.MathItem(tex, page.inputJax[0], display);
        item.start.node = item.end.node = dom.body(page.document);
        item.setMetrics(16, 8, 1280, 1e6, 1);
        page.inputJax[0].reset();
        item.compile(page);
        const spoken = plain(mathml.visitTree(item.root));
        item.typeset(page);
        const width = parseFloat(dom.getAttribute(dom.firstChild(item.typesetRoot), "width"));
        return JSON.stringify({svg: drawing(item.typesetRoot), mathml: spoken, width});
      } catch (error) {
        return JSON.stringify({error: String(error.message || error)});
      }
    },
    // the outline of a glyph that has occurred in a formula, by its name there
    glyph: (name) => outlines.get(name),
  };
}
