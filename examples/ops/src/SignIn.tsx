// SPDX-License-Identifier: MIT
//
// The door: a token is pasted, looked at here, and then the API is asked whether
// it opens anything. Nothing of it is kept but in this tab.

import { useState, type FormEvent } from 'react';
import { createClient, jobs } from './api/index.ts';
import { refusalOf, ROLES, session, signIn } from './session.ts';
import { useStore } from './store.ts';
import { words } from './words.ts';

/** Null: it opens. Whoever is not of these roles may not list jobs. */
async function tried(token: string): Promise<string | null> {
  const wrong = refusalOf(token);

  if (wrong !== null) return wrong;
  const asked = await jobs.list(createClient({ base: '/api', token: () => token,
    retries: 0 }), { limit: 1 });

  if (asked.ok) return null;
  if (asked.error.code === 'forbidden')
    return 'This token’s role may not look at operations.';
  return words(asked.error);
}

export function TokenForm({ act }: { act: string }) {
  const [text, setText] = useState('');
  const [wrong, setWrong] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const token = text.trim();

    if (token === '') return setWrong('Paste a token first.');
    setBusy(true);
    const refused = await tried(token);
    setBusy(false);
    setWrong(refused);
    if (refused === null) signIn(token);
  };

  return (
    <form className="token" onSubmit={submit} noValidate>
      <label htmlFor="token">Token</label>
      <input id="token" type="password" autoComplete="off" spellCheck={false}
        value={text} aria-invalid={wrong !== null} aria-describedby="token-wrong"
        onChange={(event) => setText(event.target.value)} />
      <p id="token-wrong" className="wrong" role="alert">{wrong}</p>
      <button type="submit" className="main" disabled={busy}>
        {busy ? 'Asking…' : act}
      </button>
    </form>
  );
}

export function SignIn() {
  return (
    <main className="door">
      <div className="card">
        <svg className="sign" viewBox="0 0 48 24" aria-hidden="true">
          <path d="M2 12h12l5-9 7 18 5-9h15" />
        </svg>
        <h1>Operations</h1>
        <p className="soft">Queues, dead letters, webhooks, exports, aggregates and
          health, as they are now.</p>
        <TokenForm act="Sign in" />
        <details>
          <summary>Which token?</summary>
          <dl>
            {Object.entries(ROLES).map(([role, may]) => (
              <div key={role}><dt><code>{role}</code></dt><dd>{may}</dd></div>
            ))}
          </dl>
          <p className="soft"><code>./dev token operator</code> prints one, as does
            {' '}<code>lockstep token --role operator --sub YOU</code>.</p>
        </details>
      </div>
    </main>
  );
}

/** The token ended in the middle of work: all stays, until there is another. */
export function Expired() {
  if (!useStore(session).expired) return null;
  return (
    <section className="bar warn" aria-label="The token has expired">
      <p><strong>The token has expired.</strong> What you see was known before; nothing
        is lost. Paste another to go on.</p>
      <TokenForm act="Go on" />
    </section>
  );
}
