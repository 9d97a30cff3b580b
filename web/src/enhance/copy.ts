/** How long the button says that it worked, in milliseconds. */
const thanks = 1_600;

/** Shows buttons that copy their data-copy text. Without a clipboard (plain http) they stay hidden. */
export function enableCopy(root: Document): void {
  const clipboard = root.defaultView?.navigator.clipboard;
  if (!clipboard) return;
  for (const button of root.querySelectorAll<HTMLButtonElement>("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      void clipboard.writeText(button.dataset["copy"] ?? "").then(() => confirm(button));
    });
  }
}

function confirm(button: HTMLButtonElement): void {
  const use = button.querySelector("use");
  use?.setAttribute("href", "#i-check");
  setTimeout(() => use?.setAttribute("href", "#i-copy"), thanks);
}
