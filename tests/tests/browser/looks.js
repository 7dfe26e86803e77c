// What is wrong with how the page looks, one line each: text that is cut off or leaves its card, and text that stands
// out too little from its ground (WCAG 2.2, 1.4.3). The body of an async function.
// A colour on its way to another is neither. Not waited for: a page that is drawn for nobody gets no further.
const ends = (one) => Number.isFinite(one.effect.getComputedTiming().endTime);
for (const one of document.getAnimations().filter(ends)) one.finish();
const channels = (colour) => (/rgba?\(([^)]*)\)/.exec(colour)?.[1] ?? '').split(/[\s,/]+/).map(Number);
const luminance = (colour) => {
  const [r, g, b] = channels(colour).map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if ((channels(colour)[3] ?? 1) > 0) return colour;
  }
  return 'rgb(255, 255, 255)';
};
const problems = [];
const root = document.documentElement;
if (root.scrollWidth > root.clientWidth) problems.push(`the page is ${root.scrollWidth} px wide in ${root.clientWidth}`);
for (const element of document.body.querySelectorAll('*')) {
  const text = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  if (!text || !element.checkVisibility() || element.closest('.for-readers')) continue;
  const name = `${element.closest('[data-job]')?.dataset.job ?? 'page'}: ${element.textContent.slice(0, 40)}`;
  const [card, box] = [element.closest('.card') ?? document.body, element].map((one) => one.getBoundingClientRect());
  if (box.left < card.left || box.right > card.right) problems.push(`${name}: leaves its card`);
  if (element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).display !== 'inline')
    problems.push(`${name}: is cut off`);
  const [light, dark] = [getComputedStyle(element).color, ground(element)].map(luminance).sort((a, b) => b - a);
  const ratio = (light + 0.05) / (dark + 0.05);
  if (!(ratio >= 4.5) && !element.closest(':disabled')) problems.push(`${name}: a contrast of ${ratio.toFixed(2)}`);
}
return problems;
