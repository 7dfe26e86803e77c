// Where the extension goes of itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { mayLead } from '../plan/reach.js';

const PRIVATE = [
  ...['localhost', 'tv.localhost', 'nas.local', 'box.internal', '127.0.0.1', '10.1.2.3', '172.16.0.1', '172.31.9.9'],
  ...['192.168.1.1', '169.254.169.254', '100.64.0.1', '100.127.0.1', '0.0.0.0', '2130706433', '0x7f.1'],
  ...['[::1]', '[::ffff:10.0.0.1]', '[fe80::1]', '[fd00::1]', '[64:ff9b::a00:1]', '[2002:a00:1::]', '[2001::1]'],
];
const PUBLIC = ['a.example', 'local.example', '10.example', '172.15.0.1', '172.32.0.1', '100.128.0.1', '[2606:4700::1]'];

test('what is public leads into no private network, what is private anywhere', () => {
  for (const host of PRIVATE) {
    assert.equal(mayLead('http://a.example/', `http://${host}/x`), false, host);
    assert.equal(mayLead(`http://${host}/`, 'http://192.168.0.1/x'), true, host);
  }
  for (const host of PUBLIC) {
    assert.equal(mayLead('http://a.example/', `http://${host}/x`), true, host);
    assert.equal(mayLead(`http://${host}/`, 'http://192.168.0.1/x'), false, host);
  }
});

test('https leads to nothing in the clear', () => {
  const [secure, clear] = ['https://a.example/', 'http://a.example/'];
  const outcomes = [mayLead(secure, clear), mayLead(secure, secure), mayLead(clear, secure), mayLead(clear, clear)];
  assert.deepEqual(outcomes, [false, true, true, true]);
});
