// Unpacks the frames that book/_ext/slider_frames.py has compressed.
(() => {
  const unpack = async (img) => {
    const bytes = Uint8Array.from(atob(img.dataset.frame), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const svg = await new Response(stream).blob();
    img.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
    delete img.dataset.frame;
  };
  document.querySelectorAll("img[data-frame]").forEach(unpack);
})();
