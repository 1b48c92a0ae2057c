let page = "callbackd";
let count = 0;

function show(): void {
  document.title = count > 0 ? `(${count}) ${page}` : page;
}

export function setPageTitle(title: string): void {
  page = `${title} – callbackd`;
  show();
}

/** Sets the number that stands before the title: the open callbacks that are mine. */
export function setTitleCount(n: number): void {
  count = n;
  show();
}
