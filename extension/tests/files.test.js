// What the browser is told of must be there, and the rules of the architecture hold.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

const root = new URL('../', import.meta.url);
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.(js|html)$/.test(name) && !/^(node_modules|generated|tests)/.test(name))
  .map((name) => ({ name, text: readFileSync(new URL(name, root), 'utf8') }));

/** Without comments and JSDoc. @param {string} text */
const code = (text) => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');

/** @param {string} name @returns {any} */
const manifest = (name) => JSON.parse(readFileSync(new URL(`manifests/${name}.json`, root), 'utf8'));

test('every file that a manifest names is there', () => {
  const named = ['base', 'chromium', 'firefox'].flatMap((name) =>
    [...JSON.stringify(manifest(name)).matchAll(/"([a-z_/-]+[a-z0-9_-]*\.(?:js|html|png))"/g)].map(
      ([, path]) => path ?? '',
    ),
  );
  assert.ok(named.length >= 10, `${named}`);
  assert.deepEqual(
    named.filter((path) => !existsSync(new URL(path, root))),
    [],
  );
});

test('pages can load nothing from elsewhere, and web pages nothing from here', () => {
  const base = manifest('base');
  assert.equal(
    base.content_security_policy.extension_pages,
    "script-src 'self' 'wasm-unsafe-eval'; object-src 'self'",
  );
  assert.equal(base.web_accessible_resources, undefined);
});

test('only platform.js speaks to the browser, but for three lines of the relay', () => {
  const users = sources
    .filter(({ text }) => /\b(chrome|browser)\??\.\w/.test(code(text)))
    .map(({ name }) => name);
  assert.deepEqual(users.sort(), ['observe/relay.js', 'platform.js']);
  const relay = sources.find(({ name }) => name === 'observe/relay.js');
  assert.equal(code(relay?.text ?? '').match(/\bchrome\b/g)?.length, 3);
});

test('only the background knows more than one stage', () => {
  const stages = ['observe', 'detect', 'trace', 'plan', 'native', 'report', 'ui'];
  const order = ['report', 'observe', 'detect', 'trace', 'plan', 'native'];
  for (const { name, text } of sources) {
    const own = name.split('/')[0] ?? '';
    const imported = [...text.matchAll(/^import .*from '\.\.\/([a-z]+)\//gm)].map(([, stage]) => stage ?? '');
    if (!order.includes(own)) continue;
    const later = imported.filter(
      (stage) => stages.includes(stage) && order.indexOf(stage) > order.indexOf(own),
    );
    assert.deepEqual(later, [], name);
  }
});

test('no markup is made from text', () => {
  const bad = sources.filter(({ text }) =>
    /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/.test(code(text)),
  );
  assert.deepEqual(
    bad.map(({ name }) => name),
    [],
  );
  const inline = sources.filter(
    ({ name, text }) => name.endsWith('.html') && /\son\w+=|<script(?! type="module" src=)/.test(text),
  );
  assert.deepEqual(
    inline.map(({ name }) => name),
    [],
  );
});
