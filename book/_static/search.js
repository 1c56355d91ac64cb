// Search in the passages of the book (passages.js, written by book/_ext/passages.py).
// Sphinx's searchtools.js parses the query and owns the form; this file ranks and shows.
"use strict";

const BookSearch = (() => {
  const AT_MOST = 60;
  const SNIPPET = 240;
  // what a reader most likely wants when titles match equally well
  const WEIGHT = {
    symbol: 30, word: 28, function: 24, theorem: 22, definition: 22, proposition: 20, lemma: 18,
    corollary: 18, page: 16, claim: 8, section: 12, figure: 6, exercise: 2,
  };
  const LETTERS = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi "
    + "omicron pi rho . sigma tau upsilon phi chi psi omega";
  const GREEK = {};
  LETTERS.split(" ").forEach((name, i) => { GREEK[name] = String.fromCodePoint(0x3b1 + i); });

  const unmarked = (text) => text.normalize("NFKD").replace(/\p{Mn}/gu, "");
  const fold = (text) => unmarked(text).toLowerCase();
  const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

  // As readable.key in Python: lambda_0, λ₀ and \lambda_{0} are one symbol.
  const key = (text) =>
    unmarked(text)
      .replace(/[A-Za-z]+/g, (word) => {
        const letter = GREEK[word.toLowerCase()];
        if (!letter) return word;
        return /^[A-Z]/.test(word) ? letter.toUpperCase() : letter;
      })
      .replace(/[\s_^{}$\\,'′\u2061-\u2064]+/g, "");
  const loose = (text) => text.toLowerCase().replace(/[()[\]]/g, "");

  // Words are found by their beginning, in the form that Sphinx's stemmer gives them.
  const pattern = (word) => {
    let stem = new Stemmer().stemWord(word);
    if (!word.startsWith(stem.replace(/i$/, ""))) stem = word;
    const ending = stem.endsWith("i") && !word.startsWith(stem)
      ? escaped(stem.slice(0, -1)) + "[iy]" : escaped(stem);
    return new RegExp("(?<![\\p{L}\\p{N}])" + ending, "u");
  };

  const passages = [];
  for (const page of window.bookPassages) {
    for (const one of page.passages) {
      const symbols = (one.symbols || "").split(" ").filter(Boolean);
      passages.push({
        ...one, page: page.page, pageTitle: page.title, text: one.text || "",
        keys: one.keys || [], looseKeys: (one.keys || []).map(loose),
        symbols: new Set(symbols), looseSymbols: new Set(symbols.map(loose)),
        foldedTitle: fold(one.title), foldedText: fold(one.text || ""),
        foldedCode: (one.code || "").toLowerCase(), order: passages.length,
      });
    }
  }

  const terms = (query) => {
    const words = query.split(/\s+/).filter(Boolean);
    const telling = words.filter((w) => stopwords.indexOf(w.toLowerCase()) === -1);
    return (telling.length ? telling : words).map((word) => {
      const folded = fold(word).replace(/^[^\p{L}\p{N}\\]+|[.,;:!?"]+$/gu, "");
      const symbol = key(word);
      return { folded, symbol, looseSymbol: loose(symbol), pattern: pattern(folded) };
    }).filter((term) => term.folded);
  };

  const inSymbols = (one, term) =>
    term.symbol.length > 1
    && (one.symbols.has(term.symbol) || one.looseSymbols.has(term.looseSymbol));

  const score = (one, wanted, whole) => {
    let points = 0;
    const { phrase, symbol, looseSymbol, name } = whole;
    if (one.keys.includes(symbol) || one.keys.includes(name)) points += 1000;
    else if (one.looseKeys.includes(looseSymbol)) points += 800;
    else if (symbol.length > 1 && one.symbols.has(symbol)) points += one.kind === "symbol" ? 400 : 40;
    if (one.foldedTitle === phrase) points += 900;
    else if (whole.start.test(one.foldedTitle)) {
      points += 250 + Math.round((200 * phrase.length) / one.foldedTitle.length);
    }
    let missing = 0, inTitle = 0;
    for (const term of wanted) {
      const title = term.pattern.test(one.foldedTitle);
      const text = term.pattern.test(one.foldedText) || inSymbols(one, term);
      const code = !title && !text && term.folded.length > 2 && one.foldedCode.includes(term.folded);
      if (title) { inTitle += 1; points += 30; }
      if (text) points += 10;
      if (code) points += 2;
      if (!title && !text && !code) missing += 1;
    }
    if (!points) return { points: 0, missing };
    if (wanted.length > 1 && inTitle === wanted.length) points += 150;
    if (wanted.length > 1 && one.foldedText.includes(phrase)) points += 60;
    return { points: points + (WEIGHT[one.kind] || 0) * (inTitle ? 2 : 0.2), missing };
  };

  const find = (query) => {
    const wanted = terms(query);
    if (!wanted.length) return [];
    const phrase = fold(query).trim().replace(/\s+/g, " ");
    const symbol = key(query);
    const whole = {
      phrase, symbol, looseSymbol: loose(symbol),
      name: query.trim().replace(/^(tl|taylorlib)\.|\(\)$/g, ""),
      start: new RegExp("(?<![\\p{L}\\p{N}])" + escaped(phrase), "u"),
    };
    const scored = passages
      .map((one) => ({ one, ...score(one, wanted, whole) }))
      .filter((found) => found.points > 0);
    const complete = scored.filter((found) => found.missing === 0 || found.points >= 800);
    // words that stand nowhere together: show what has most of them
    const enough = complete.length
      ? complete : scored.filter((found) => found.missing * 2 < wanted.length);
    enough.sort((a, b) => b.points - a.points || a.one.order - b.one.order);
    return enough.slice(0, AT_MOST).map((found) => ({ ...found.one, wanted }));
  };

  // A window of text around the place where most of the words stand.
  const snippet = (one) => {
    const source = one.text || (one.code || "").replace(/\s+/g, " ");
    const folded = Array.from(source, (c) => fold(c).slice(0, 1) || " ").join("");
    const letters = Array.from(source);
    const places = one.wanted.map((t) => folded.search(t.pattern)).filter((i) => i >= 0);
    let start = places.length ? Math.max(Math.min(...places) - 60, 0) : 0;
    if (start < 40) start = 0;
    while (start > 0 && letters[start - 1] !== " ") start -= 1;
    let end = Math.min(start + SNIPPET, letters.length);
    while (end < letters.length && letters[end] !== " ") end += 1;
    const text = letters.slice(start, end).join("");
    return (start > 0 ? "… " : "") + text + (end < letters.length ? " …" : "");
  };

  const marked = (element, text, wanted) => {
    const words = wanted.map((t) => t.pattern.source + "[\\p{L}\\p{N}]*").join("|");
    let last = 0;
    for (const found of text.matchAll(new RegExp(words, "giu"))) {
      element.append(text.slice(last, found.index));
      const mark = document.createElement("mark");
      mark.textContent = found[0];
      element.append(mark);
      last = found.index + found[0].length;
    }
    element.append(text.slice(last));
  };

  const show = (one) => {
    const item = document.createElement("li");
    item.className = `search-${one.kind}`;
    const link = item.appendChild(document.createElement("a"));
    const hash = one.kind === "page" ? "" : `#${one.anchor}`;
    link.href = document.documentElement.dataset.content_root
      + one.page + DOCUMENTATION_OPTIONS.LINK_SUFFIX + hash;
    link.textContent = one.title;
    if (one.kind !== "page") {
      const where = item.appendChild(document.createElement("span"));
      where.className = "search-where";
      where.textContent = ` ${one.pageTitle}`;
    }
    const text = snippet(one);
    if (text) {
      const summary = item.appendChild(document.createElement("p"));
      summary.className = "context";
      marked(summary, text, one.wanted);
    }
    return item;
  };

  const query = (text) => {
    Search._parseQuery(text); // stores the words that the page found highlights
    const found = find(text);
    found.forEach((one) => Search.output.appendChild(show(one)));
    _finishSearch(found.length);
    if (found.length) {
      const places = found.length === 1 ? "1 place" : `${found.length} places`;
      Search.status.textContent = `Found in ${places}${found.length === AT_MOST ? " or more" : ""}.`;
    }
  };

  return { find, query };
})();

Search.query = BookSearch.query;
Search.hasIndex = () => true; // Sphinx's own index of words is not waited for
