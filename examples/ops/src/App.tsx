// SPDX-License-Identifier: MIT
//
// The frame: where one is and can go, how all is, how old what one sees is, and
// who is signed in.

import { useState } from 'react';
import { queryClient, reach } from './api.ts';
import { useNow } from './live.ts';
import { useWatch } from './monitor.ts';
import { addressOf, place, SECTIONS, type Section } from './place.ts';
import { Notices } from './parts/notices.tsx';
import { Mark, toneOf } from './parts/States.tsx';
import { claimsOf, ROLES, session, signOut } from './session.ts';
import type { Checks } from './shapes.ts';
import { DataSection } from './sections/Data.tsx';
import { ExportsSection } from './sections/Exports.tsx';
import { JobsSection } from './sections/Jobs.tsx';
import { Overview } from './sections/Overview.tsx';
import { QueuesSection } from './sections/Queues.tsx';
import { TrafficSection } from './sections/Traffic.tsx';
import { WebhooksSection } from './sections/Webhooks.tsx';
import { Expired, SignIn } from './SignIn.tsx';
import { useStore } from './store.ts';
import { nextTheme, theme } from './theme.ts';
import { ago, clockOf, isAway, many, span, words } from './words.ts';

const NAMES: Readonly<Record<Section, string>> = {
  overview: 'Overview', traffic: 'Traffic', queues: 'Queues',
  jobs: 'Jobs', webhooks: 'Webhooks', exports: 'Exports', data: 'Aggregates',
};

const ICONS: Readonly<Record<Section, string>> = {
  overview: 'M2 9h3l2-5 3 9 2-4h2', traffic: 'M2 13l4-5 3 2 5-7',
  queues: 'M2 4h12M2 8h12M2 12h8', jobs: 'M3 3h10v10H3zM5.5 8l2 2 3-4',
  webhooks: 'M3 12a3 3 0 1 0 4-3l2-5M8 4a3 3 0 1 1 3 4l2 3M6 12h7',
  exports: 'M8 2v8M5 7l3 3 3-3M2 13h12', data: 'M3 13V8M8 13V3M13 13V6',
};

const KINDS: { [S in Section]?: readonly string[] } = {
  traffic: ['route'], queues: ['queue', 'breaker'], jobs: ['job', 'schedule'],
  webhooks: ['webhook', 'message'], exports: ['export'],
  data: ['rollup', 'expectation'],
};

function Body({ at }: { at: Section }) {
  switch (at) {
    case 'overview': return <Overview />;
    case 'traffic': return <TrafficSection />;
    case 'queues': return <QueuesSection />;
    case 'jobs': return <JobsSection />;
    case 'webhooks': return <WebhooksSection />;
    case 'exports': return <ExportsSection />;
    case 'data': return <DataSection />;
  }
}

/** How many checks of a section are unhealthy. */
function faults(checks: Checks | undefined, at: Section): number {
  return checks?.checks.filter(({ state, kind }) => state === 'unhealthy' &&
    (at === 'overview' || KINDS[at]?.includes(kind))).length ?? 0;
}

function Rail({ at, checks }: { at: Section; checks: Checks | undefined }) {
  return (
    <nav className="rail" aria-label="Sections">
      <ul>
        {SECTIONS.map((section) => {
          const wrong = faults(checks, section);

          return (
            <li key={section}>
              <a href={addressOf(section)}
                aria-current={section === at ? 'page' : undefined}>
                <svg viewBox="0 0 16 16" aria-hidden="true"><path d={ICONS[section]} /></svg>
                {NAMES[section]}
                {wrong > 0 && (
                  <span className="count"><span aria-hidden="true">{wrong}</span>
                    <span className="unseen">, {many(wrong, 'check')} unhealthy</span>
                  </span>
                )}
              </a>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}

/** How old what one sees is: of this moment, or of some time ago. */
function Freshness() {
  const { awaySince, answeredAt } = useStore(reach);
  const now = useNow(1000);

  if (answeredAt === null) return <span className="fresh">asking…</span>;
  if (awaySince !== null || now - answeredAt > 15_000)
    return <span className="fresh old">as of {clockOf(answeredAt)}</span>;
  return (
    <span className="fresh"><i className="pulse" key={answeredAt} />
      live<span className="unseen">, last answer {ago(answeredAt, now)}</span>
    </span>
  );
}

function Away() {
  const { awaySince, answeredAt, failures } = useStore(reach);
  const now = useNow(1000);
  const said = queryClient.getQueryCache().getAll()
    .map(({ state }) => state.error).find((error) => isAway(error));

  if (awaySince === null) return null;
  return (
    <section className="bar bad" role="alert">
      <p><strong>The API does not answer</strong>, for {span((now - awaySince) / 1000)}.
        {' '}{answeredAt === null ? 'Nothing is known yet.'
          : `What you see is as of ${clockOf(answeredAt)}.`}
        {said && <span className="soft"> {words(said)} Tried {many(failures, 'time')}.</span>}
      </p>
      <button type="button" onClick={() => void queryClient.refetchQueries({
        type: 'active' })}>Try now</button>
    </section>
  );
}

function Who() {
  const { token } = useStore(session);
  const [open, setOpen] = useState(false);
  const claims = claimsOf(token);
  const role = claims?.role ?? 'unknown';
  const now = useNow(10_000);

  return (
    <div className="who">
      <button type="button" className="plain" aria-expanded={open}
        aria-controls="who" onClick={() => setOpen(!open)}>
        <span className="role">{role.replaceAll('_', ' ')}</span>
      </button>
      {open && (
        <div id="who" className="sheet">
          <p>{ROLES[role] ?? 'The server knows what this role may do.'}</p>
          {claims?.subject && <p className="soft">Subject: <code>{claims.subject}</code></p>}
          {claims?.endsAt && <p className="soft">The token ends {ago(claims.endsAt, now)}.</p>}
          <button type="button" onClick={signOut}>Sign out</button>
        </div>
      )}
    </div>
  );
}

function Top({ checks }: { checks: Checks | undefined }) {
  const bad = faults(checks, 'overview');
  const { awaySince } = useStore(reach);
  const state = awaySince === null ? checks?.state ?? 'unknown' : 'unknown';
  const shade = useStore(theme);

  return (
    <header className="top">
      <a className="brand" href={addressOf('overview')}>
        <svg viewBox="0 0 32 24" aria-hidden="true"><path d="M2 12h7l4-9 6 18 4-9h7" /></svg>
        Operations
      </a>
      {checks && (
        <a className={`pill ${toneOf(state)}`} href={addressOf('overview')}>
          <Mark tone={toneOf(state)} />
          {bad > 0 && awaySince === null ? `${bad} unhealthy` : state}
        </a>
      )}
      <Freshness />
      <span className="space" />
      <button type="button" className="plain" onClick={nextTheme}
        aria-label={`Colours: ${shade}. Change them`} title={`Colours: ${shade}`}>
        <svg viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="5.5" />
          <path className="full" d="M8 2.5a5.5 5.5 0 0 1 0 11z" /></svg>
      </button>
      <Who />
    </header>
  );
}

function Frame() {
  const { at } = useStore(place);
  const checks = useWatch().data?.data;

  return (
    <div className="frame">
      <a className="skip" href="#main" onClick={(event) => {
        event.preventDefault();
        document.getElementById('main')?.focus();
      }}>To the section</a>
      <Top checks={checks} />
      <Rail at={at} checks={checks} />
      <main id="main" tabIndex={-1} key={at}>
        <Expired />
        <Away />
        <h1>{NAMES[at]}</h1>
        <Body at={at} />
      </main>
      <Notices />
    </div>
  );
}

export function App() {
  const { token } = useStore(session);

  return token === null ? <SignIn /> : <Frame />;
}
