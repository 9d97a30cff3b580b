/**
 * Lets forms marked data-once be sent only once. Buttons are not disabled, because a disabled button's name and value
 * would not be sent. Coming back with the browser's Back button makes the form usable again.
 */
export function guardForms(root: Document): void {
  const forms = [...root.querySelectorAll<HTMLFormElement>("form[data-once]")];
  for (const form of forms) {
    form.addEventListener("submit", (event) => {
      if (form.dataset["sent"] === "yes") {
        event.preventDefault();
        return;
      }
      mark(form, true);
    });
  }
  root.defaultView?.addEventListener("pageshow", () => forms.forEach((form) => mark(form, false)));
}

function mark(form: HTMLFormElement, sent: boolean): void {
  form.dataset["sent"] = sent ? "yes" : "no";
  for (const button of form.querySelectorAll("button[type=submit]")) {
    if (sent) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
  }
}
