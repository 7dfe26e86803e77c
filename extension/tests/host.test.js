import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as frames from '../native/frames.js';
import { Host } from '../native/host.js';

/** @import { Event } from '../generated/protocol' */

/** A native host of which the test is the other end. */
function peer() {
  /** @type {any[]} */ const sent = [];
  /** @type {((message: unknown) => void)[]} */ const ears = [];
  /** @type {(() => void)[]} */ const ends = [];
  return {
    sent,
    port: {
      postMessage: (/** @type {unknown} */ frame) => void sent.push(frame),
      disconnect: () => {},
      onMessage: { addListener: (/** @type {any} */ ear) => void ears.push(ear) },
      onDisconnect: { addListener: (/** @type {any} */ ear) => void ends.push(ear) },
    },
    say: (/** @type {unknown} */ frame) => ears.forEach((ear) => ear(frame)),
    end: () => ends.forEach((ear) => ear()),
  };
}

const HELLO = {
  type: 'hello',
  re: 1,
  protocol: 1,
  hostVersion: '9.9',
  platform: 'linux',
  maxFrameBytes: 1,
  maxJobs: 1,
};

/** @param {ReturnType<typeof peer>[]} peers @param {string} [lastError] */
function host(peers, lastError = '') {
  /** @type {Event[]} */ const events = [];
  /** @type {string[]} */ const states = [];
  const made = new Host({
    connect: () => /** @type {ReturnType<typeof peer>} */ (peers.shift()).port,
    portError: () => lastError,
    version: '0.1.0',
    onEvent: (event) => void events.push(event),
    onState: ({ state }) => void (states.at(-1) === state || states.push(state)),
  });
  return { host: made, events, states };
}

test('hello comes first, answers are told by their ids, news go to the listener', async () => {
  const one = peer();
  const { host: made, events, states } = host([one]);
  const jobs = made.request(frames.jobs());
  const cancel = made.request(frames.cancel('j'));
  assert.deepEqual(one.sent, [{ type: 'hello', id: 1, protocol: 1, extensionVersion: '0.1.0', refresh: true }]);
  one.say(HELLO);
  await made.connect();
  await null;
  assert.deepEqual(
    one.sent.slice(1).map(({ type, id }) => [type, id]),
    [
      ['jobs', 2],
      ['cancel', 3],
    ],
  );
  one.say({ type: 'error', re: 3, error: { code: 'unknown-job', message: 'no job j' } });
  one.say({ type: 'progress', job: 'j', state: 'running' });
  one.say({ type: 'jobs', re: 2, jobs: [] });
  one.say({ type: 'jobs', re: 77, jobs: [] });
  assert.deepEqual(await jobs, { type: 'jobs', re: 2, jobs: [] });
  await assert.rejects(cancel, { code: 'unknown-job', message: 'no job j' });
  assert.equal(events.length, 1);
  assert.deepEqual(states, ['connecting', 'ready']);
  assert.equal(made.state.version, '9.9');
});

test('a host that is not installed is told apart from one that ended', async () => {
  for (const [reason, code] of [
    ['Specified native messaging host not found.', 'host-missing'],
    ['No such native application io.github.weir_hls.weir', 'host-missing'],
    ['Access to the specified native messaging host is forbidden.', 'host-forbidden'],
    ['Native host has exited.', 'host-gone'],
  ]) {
    const one = peer();
    const { host: made, states } = host([one], reason);
    const connected = made.connect();
    one.end();
    await assert.rejects(connected, { code });
    assert.equal(made.state.failure?.code, code);
    assert.deepEqual(states, ['connecting', 'failed']);
  }
});

test('after the port was lost, what waited fails and the next request opens a new one', async () => {
  const [one, two] = [peer(), peer()];
  const { host: made, states } = host([one, two], 'Native host has exited.');
  const waiting = made.request(frames.jobs());
  one.say(HELLO);
  await made.connect();
  await null;
  one.end();
  await assert.rejects(waiting, { code: 'host-gone' });
  const again = made.request(frames.jobs());
  const { id } = two.sent[0];
  two.say({ ...HELLO, re: id });
  await made.connect();
  await null;
  two.say({ type: 'jobs', re: id + 1, jobs: [] });
  assert.equal((await again).type, 'jobs');
  assert.deepEqual(states, ['connecting', 'ready', 'failed', 'connecting', 'ready']);
});

test('a host of another protocol says which side to update', async () => {
  const one = peer();
  const { host: made } = host([one]);
  const connected = made.connect();
  one.say({ type: 'error', re: 1, error: { code: 'update-host', message: 'update the host' } });
  await assert.rejects(connected, { code: 'update-host' });
  assert.equal(made.state.state, 'failed');
});
