import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, test } from 'node:test';

import { commandFor, filesCommand, TOOLS } from '../plan/commands.js';

/** Programs of the tools' names that tell what they are called with, and what is typed for them. */
const folder = mkdtempSync(join(tmpdir(), 'weir-commands-'));
after(() => rmSync(folder, { recursive: true }));
for (const tool of [...TOOLS, 'aria2c']) {
  const script = `#!${process.execPath}\nconst input = process.argv.some((word) => ['/dev/stdin', '--input-file=-'].includes(word)) ? require('fs').readFileSync(0, 'utf8') : '';\nconsole.log(JSON.stringify({ words: process.argv.slice(2), input }));\n`;
  writeFileSync(join(folder, tool), script);
  chmodSync(join(folder, tool), 0o755);
}

/** What a program gets when a command is pasted into a shell. @param {string} command */
function run(command) {
  const env = { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH}` };
  const { stdout, stderr, status } = spawnSync('sh', ['-c', command], { env, encoding: 'utf8' });
  assert.equal(status, 0, `${command}\n${stderr}`);
  return JSON.parse(stdout);
}

const HOSTILE = `it's "$(touch /tmp/weir-pwned)" \`id\` \\ !! %s; rm -rf ~`;
const asking = {
  url: 'https://cdn.example/a/master.m3u8?token=a%20b&sig=c',
  headers: [
    { name: 'User-Agent', value: 'Mozilla/5.0 (X11)' },
    { name: 'X-Page', value: HOSTILE },
  ],
  cookies: [
    { name: 'sid', value: "7'$x", domain: 'cdn.example', hostOnly: true, path: '/', secure: true, expiresEpochSeconds: null },
    { name: 'all', value: '8', domain: '.example', hostOnly: false, path: '/a', secure: false, expiresEpochSeconds: null },
  ],
  cookie: "sid=7'$x; all=8",
  height: 720,
  title: `A/B: ${HOSTILE}`,
};
const lines = ['User-Agent: Mozilla/5.0 (X11)', `X-Page: ${HOSTILE}`];
const cookie = `Cookie: ${asking.cookie}`;
const name = `A B  it's  $(touch  tmp weir-pwned)  \`id\`   !! %s; rm -rf ~`;

test('weir gets the headers, the quality, and the cookies with their hosts and paths', () => {
  const { words, input } = run(commandFor('weir', asking));
  const headers = lines.flatMap((line) => ['-H', line]);
  assert.deepEqual(words, ['get', ...headers, '--quality', '720p', asking.url, '--cookies', '/dev/stdin']);
  assert.equal(input, "cdn.example\tFALSE\t/\tTRUE\t0\tsid\t7'$x\n.example\tTRUE\t/a\tFALSE\t0\tall\t8\n");
  const keyed = run(commandFor('weir', { ...asking, headers: [], cookies: [], given: { hex: 'ab'.repeat(16), iv: null } }));
  assert.deepEqual(keyed.words, ['get', '--quality', '720p', '--key', 'ab'.repeat(16), asking.url]);
  const plain = commandFor('weir', { ...asking, headers: [], cookies: [], cookie: null, height: null });
  assert.equal(plain, `weir get '${asking.url}'`);
});

test('the others get them as they want them, and nothing of a page is run', () => {
  const ffmpeg = run(commandFor('ffmpeg', asking)).words;
  assert.deepEqual(ffmpeg.slice(0, 2), ['-headers', [...lines, cookie].join('\r\n')]);
  assert.deepEqual(ffmpeg.slice(2, 6), ['-i', asking.url, '-c', 'copy']);
  const yt = run(commandFor('yt-dlp', asking)).words;
  assert.deepEqual(yt.slice(0, 6), [...lines, cookie].flatMap((line) => ['--add-header', line]));
  assert.deepEqual(yt.slice(-2), ['--', asking.url]);
  const re = run(commandFor('N_m3u8DL-RE', asking)).words;
  assert.equal(re[0], asking.url);
  assert.deepEqual(re.slice(1, 7), [...lines, cookie].flatMap((line) => ['-H', line]));
  for (const words of [ffmpeg, yt, re]) {
    assert.ok(words.some((/** @type {string} */ word) => word.includes('rm -rf ~')), 'the title is one word');
    assert.ok(!words.includes('rm'));
  }
  assert.equal(ffmpeg.at(-1).replace(/^\.\/|\.mp4$/g, '').replace(/ +/g, ' '), name.replace(/ +/g, ' '));
});

test('aria2 gets the files, each with its headers and its own cookies, and nothing of a page is run', () => {
  const files = ['https://cdn.example/a/1.jpg?x=$(id)&y=`id`', 'http://other.test/2.jpg'];
  const { words, input } = run(filesCommand(files, asking.headers, asking.cookies));
  assert.deepEqual(words, ['--input-file=-']);
  const indented = lines.map((line) => ` header=${line}`);
  assert.deepEqual(input.split('\n'), [files[0], ...indented, ` header=Cookie: ${"all=8; sid=7'$x"}`, files[1], ...indented, '']);
});
