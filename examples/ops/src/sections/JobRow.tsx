// SPDX-License-Identifier: MIT
//
// One job: a line, and when it is opened what went wrong at each attempt. What an
// error says is somebody else's text: it is shown as text.

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { jobs } from '../api/index.ts';
import { keys } from '../api/queries/jobs.ts';
import { told } from '../actions.ts';
import { client } from '../api.ts';
import { Dialog } from '../parts/Dialog.tsx';
import { tell } from '../parts/notices.tsx';
import { State } from '../parts/States.tsx';
import { Ago } from '../parts/Time.tsx';
import type { Job } from '../shapes.ts';
import { many, words } from '../words.ts';

function Errors({ job }: { job: Job }) {
  return (
    <div className="errors">
      <dl className="facts">
        <div><dt>Came</dt><dd><Ago at={job.created_at} /></dd></div>
        <div><dt>Due</dt><dd><Ago at={job.run_at} /></dd></div>
        <div><dt>Over</dt><dd><Ago at={job.finalized_at} /></dd></div>
        <div><dt>Replayed</dt><dd>{job.replayed === 0 ? 'never'
          : <>{many(job.replayed, 'time')}, <Ago at={job.replayed_at} /></>}</dd></div>
        {job.schedule && <div><dt>Schedule</dt><dd>{job.schedule}</dd></div>}
      </dl>
      {job.errors.length === 0 ? <p className="soft">No attempt of it has failed.</p> : (
        <ol>
          {[...job.errors].reverse().map((error) => (
            <li key={`${error.attempt} ${error.at}`}>
              <span className="soft">Attempt {error.attempt}, <Ago at={error.at} /></span>
              {error.code && <code>{error.code}</code>}
              <pre>{error.message ?? 'It said nothing.'}</pre>
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}

/** Replays at once, as that can be repeated; discarding asks first. */
function Actions({ job }: { job: Job }) {
  const cache = useQueryClient();
  const [asks, setAsks] = useState(false);
  const change = useMutation({
    mutationFn: async (action: 'replay' | 'discard') =>
      told(await jobs[action](client, { id: job.id })),
    onSuccess: (_, action) => {
      setAsks(false);
      tell('good', action === 'replay' ? `Job ${job.id} runs again.`
        : `Job ${job.id} is given up.`);
    },
    onError: (problem, action) => {
      if (action === 'replay') tell('bad', `Job ${job.id}: ${words(problem)}`);
    },
    onSettled: () => cache.invalidateQueries({ queryKey: keys.all }),
  });

  return (
    <>
      <button type="button" className="small" disabled={change.isPending}
        onClick={() => change.mutate('replay')}>
        Replay<span className="unseen"> job {job.id}</span></button>
      <button type="button" className="small" disabled={change.isPending}
        onClick={() => setAsks(true)}>
        Discard<span className="unseen"> job {job.id}</span></button>
      {asks && (
        <Dialog title={`Give job ${job.id} up?`} act="Discard" danger
          busy={change.isPending} refused={change.error && words(change.error)}
          onAct={() => change.mutate('discard')} onClose={() => setAsks(false)}>
          <p>It is a {job.kind} that failed {many(job.attempt, 'time')}. It will not run
            any more, and cannot be replayed here.</p>
        </Dialog>
      )}
    </>
  );
}

export function JobRow({ job, gone }: { job: Job; gone: boolean }) {
  const [open, setOpen] = useState(false);
  const last = job.errors[job.errors.length - 1];

  return (
    <tbody className={gone ? 'gone' : undefined}>
      <tr>
        <th scope="row">
          <button type="button" className="link" aria-expanded={open}
            onClick={() => setOpen(!open)}>
            <svg className="turn" viewBox="0 0 16 16" aria-hidden="true"><path d="M6 4l4 4-4 4" /></svg>
            {job.id}
          </button>
        </th>
        <td data-name="Kind">{job.kind}</td>
        <td data-name="State">{gone ? <span className="soft">no longer here</span>
          : <><State state={job.state} />{job.reason &&
            <small className="soft"> {job.reason}</small>}</>}</td>
        <td data-name="Attempts" className="figure">{job.attempt}{job.max_attempts !== null &&
          <span className="soft"> / {job.max_attempts}</span>}</td>
        <td data-name="Last error" className="error">{last
          ? <>{last.code && <code>{last.code}</code>} {last.message}</>
          : <span className="soft">–</span>}</td>
        <td data-name="Changed"><Ago at={job.updated_at} /></td>
        <td className="do">{job.state === 'dead' && !gone && <Actions job={job} />}</td>
      </tr>
      {open && <tr className="more"><td colSpan={7}><Errors job={job} /></td></tr>}
    </tbody>
  );
}
