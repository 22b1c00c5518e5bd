// SPDX-License-Identifier: MIT
//
// graphile-worker, as its own manual tunes it for throughput: a process that
// takes jobs one by one, or with "batch" by a local queue and with completions
// in batches. A job inserts one row, as the ones that it is measured beside do;
// with "empty" it does nothing. Says "ready" when the queue is full, waits for a
// line, ends when all are done, and tells how long that took, from the first
// job's call on, and what node took of the processors, on one line of JSON.
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { makeWorkerUtils, run, Logger } from 'graphile-worker';
import pg from 'pg';

const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const quiet = new Logger(() => (level, message) => {
  if (level === 'error') console.error(message);
});
const pool = new pg.Pool({ host: settings.host, database: settings.database,
  user: settings.user, max: settings.connections + 2 });
const batching = settings.batch
  ? { localQueue: { size: settings.batch }, completeJobBatchDelay: 0,
    failJobBatchDelay: 0 }
  : {};
const preset = { worker: { concurrentJobs: settings.concurrency,
  maxPoolSize: settings.connections, pollInterval: 2000, ...batching } };
let left = settings.jobs;
let began = 0n;
let finish;
const finished = new Promise((resolve) => { finish = resolve; });

function start() {
  if (began === 0n) began = process.hrtime.bigint();
}

function done() {
  left -= 1;
  if (left === 0) finish();
}

const tasks = {
  empty: () => { start(); done(); },
  effect: async ({ n }, helpers) => {
    start();
    await helpers.query(settings.effect, [n]);
    done();
  },
};

const utils = await makeWorkerUtils({ pgPool: pool, logger: quiet });
await utils.migrate();
await pool.query(
  `select graphile_worker.add_jobs(array(select json_populate_record(
     null::graphile_worker.job_spec, json_build_object('identifier', $2::text,
       'payload', json_build_object('n', n)))
   from generate_series(1, $1) n))`,
  [settings.jobs, settings.task]);
await pool.query('vacuum analyze');
console.log('ready');
await once(process.stdin, 'data');
process.stdin.pause();
const before = process.cpuUsage();
const runner = await run({ pgPool: pool, taskList: tasks, preset,
  logger: quiet, noHandleSignals: true });
await finished;
// Done is what the queue knows as done.
for (;;) {
  const { rows } = await pool.query(
    'select exists (select from graphile_worker._private_jobs) as any');
  if (!rows[0].any) break;
}
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
const used = process.cpuUsage(before);
console.log(JSON.stringify({ jobs: settings.jobs, seconds,
  cpu: (used.user + used.system) / 1e6 }));
await runner.stop();
await utils.release();
await pool.end();
process.stdin.destroy();
