// Building the pages. Text goes in as text, never as markup: titles and addresses come from strangers.

/**
 * An element with attributes and children; null and false attributes are left out.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {Record<string, string | number | boolean | null>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) made.setAttribute(name, value === true ? '' : String(value));
  }
  made.append(...children);
  return made;
}

/** The page's element of that id. @template {HTMLElement} T @param {string} id @returns {T} */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return /** @type {T} */ (found);
}

/**
 * Makes a list show `items`, one child each, in order. A child is built anew only when its item has changed, so that
 * focus and open menus stay, and what is being clicked.
 * @template T
 * @param {HTMLElement} list @param {T[]} items @param {(item: T) => string} key
 * @param {(item: T, old: HTMLElement | null) => HTMLElement} build
 * @param {(item: T) => unknown} [seen] what of an item makes its child another one; all of it, if nothing is said
 */
export function show(list, items, key, build, seen = (item) => item) {
  const old = new Map(
    [...list.children].map((child) => [child.getAttribute('data-key'), /** @type {HTMLElement} */ (child)]),
  );
  let place = list.firstElementChild;
  for (const item of items) {
    const name = key(item);
    const print = JSON.stringify(seen(item));
    let child = old.get(name) ?? null;
    old.delete(name);
    if (child === null || prints.get(child) !== print) {
      const made = build(item, child);
      if (child && made !== child) {
        if (child === place) place = child.nextElementSibling;
        child.remove();
      }
      child = made;
      child.setAttribute('data-key', name);
      prints.set(child, print);
    }
    if (child === place) place = place.nextElementSibling;
    else list.insertBefore(child, place);
  }
  for (const gone of old.values()) gone.remove();
}

/** What each child was built from. @type {WeakMap<Element, string>} */
const prints = new WeakMap();
