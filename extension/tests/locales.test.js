// Both languages say everything, and nothing that nobody asks for.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

const root = new URL('../', import.meta.url);

/** @param {string} path */
const text = (path) => readFileSync(new URL(path, root), 'utf8');

/** @param {string} locale @returns {Record<string, {message: string}>} */
const messages = (locale) => JSON.parse(text(`_locales/${locale}/messages.json`));

const [en, zh] = [messages('en'), messages('zh_CN')];

/** The codes of a union of string literals. @param {string} source @param {string} name */
function codes(source, name) {
  const union = new RegExp(`type ${name} =([^;]*);`).exec(source)?.[1] ?? '';
  return [...union.matchAll(/['"]([a-z-]+)['"]/g)].map(([, code]) => code ?? '');
}

const failures = [
  ...codes(text('generated/protocol.d.ts'), 'ErrorCode'),
  ...codes(text('types.d.ts'), 'FailureCode'),
];

const notes = codes(text('types.d.ts'), 'NoteCode');
const ends = codes(text('types.d.ts'), 'TraceEnd');

const permissions = ['base', 'chromium', 'firefox'].flatMap((name) => {
  const manifest = JSON.parse(text(`manifests/${name}.json`));
  return [...manifest.permissions, ...(manifest.host_permissions ?? [])];
});

/** As ui/words.js makes it. @param {string} permission */
const permissionKey = (permission) =>
  `permission_${permission.replaceAll(/[<>]/g, '').replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;

test('both languages have the same keys, with the same values to fill in', () => {
  assert.deepEqual(Object.keys(zh), Object.keys(en));
  for (const [key, { message }] of Object.entries(en)) {
    const values = (/** @type {string | undefined} */ one) => [...new Set(one?.match(/\$\d/g))].sort();
    assert.deepEqual(values(zh[key]?.message), values(message), key);
    assert.notEqual(zh[key]?.message.trim(), '', key);
  }
});

test('every failure has words', () => {
  assert.ok(failures.length > 40, `${failures.length} codes`);
  const missing = failures.filter((code) => !en[`error_${code.replaceAll('-', '_')}`]);
  assert.deepEqual(missing, []);
});

test('every key that is used is there, and every key that is there is used', () => {
  const files = readdirSync(new URL('ui/', root)).filter((name) => /\.(js|html)$/.test(name));
  const others = ['notices.js', 'manifests/base.json'].map(text);
  const sources = [...files.map((name) => text(`ui/${name}`)), ...others].join('\n');
  const used = new Set([
    ...[...sources.matchAll(/words\(\s*'([a-z_0-9]+)'/g)].map(([, key]) => key),
    ...[...sources.matchAll(/words\([a-z]+ \? '([a-z_]+)' : '([a-z_]+)'/g)].flatMap(([, a, b]) => [a, b]),
    ...[...sources.matchAll(/data-(?:text|label)="([a-z_]+)"/g)].map(([, key]) => key),
    ...[...sources.matchAll(/__MSG_([a-z_]+)__/g)].map(([, key]) => key),
    ...failures.map((code) => `error_${code.replaceAll('-', '_')}`),
    ...ends.map((code) => `trace_end_${code.replaceAll('-', '_')}`),
    ...notes.map((code) => `note_${code.replaceAll('-', '_')}`),
    ...['preparing', 'queued', 'running', 'finishing'].map((state) => `state_${state}`),
    ...['complete', 'failed', 'cancelled'].map((verdict) => `verdict_${verdict}`),
    ...['closed', 'connecting', 'failed'].map((state) => `host_${state}`),
    ...permissions.map(permissionKey),
  ]);
  assert.deepEqual(
    [...used].filter((key) => !en[String(key)]),
    [],
    'used, but not there',
  );
  assert.deepEqual(
    Object.keys(en).filter((key) => !used.has(key)),
    [],
    'there, but not used',
  );
});
