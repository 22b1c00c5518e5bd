// SPDX-License-Identifier: MIT
//
// Signing in, with a token that ./dev token has made. A service for people has an
// identity provider in this place; the rest of the page would not know.

import { useEffect, useId, useRef, useState, type FormEvent } from 'react';
import { signIn, signOut, subjectOf } from './session.ts';
import { Brand } from './parts/Brand.tsx';
import { StampPicture } from './parts/Stamp.tsx';

const TODAY = new Date().toISOString();

export function SignIn() {
  return (
    <main className="door">
      <div className="envelope">
        <span className="stamp sent">
          <StampPicture letter={{ status: 'sent', channel: 'email', sent_at: TODAY }} />
        </span>
        <Brand as="h1" />
        <p className="lead">Write letters, and send them by email or by post.</p>
        <TokenForm label="Sign in" />
        <p className="hint">
          <code>./dev up</code> prints a link that signs Alice in;{' '}
          <code>./dev token authenticated</code> prints a token to paste here.
          It stays in this tab, and is gone when you close it.
        </p>
      </div>
    </main>
  );
}

/** Over the page as it stands, so that nothing that was written is lost. */
export function SignInAgain({ token }: { token: string }) {
  const dialog = useRef<HTMLDialogElement>(null);

  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} className="envelope again" aria-labelledby="again"
      onCancel={(event) => event.preventDefault()}>
      <h2 id="again">Please sign in again</h2>
      <p>
        Your token has expired, or the service has changed its keys. What you
        have written is still here. <code>./dev token authenticated</code>{' '}
        prints a new token.
      </p>
      <TokenForm label="Go on" subject={subjectOf(token)} />
      <button type="button" className="quiet" onClick={signOut}>Sign out</button>
    </dialog>
  );
}

function TokenForm({ label, subject }: { label: string; subject?: string | null }) {
  const [text, setText] = useState('');
  const [wrong, setWrong] = useState('');
  const id = useId();

  function submit(event: FormEvent) {
    event.preventDefault();
    const token = text.trim().replace(/^Bearer\s+/i, '');
    const found = subjectOf(token);

    if (token === '') {
      setWrong('Paste a token first.');
    } else if (found === null) {
      setWrong('This is not a token: it has three parts with dots between.');
    } else if (subject && found !== subject) {
      setWrong('This is the token of another person. Sign out first.');
    } else {
      signIn(token);
    }
  }

  return (
    <form className="token" onSubmit={submit} noValidate>
      <label htmlFor={id}>Development token</label>
      <textarea id={id} rows={3} value={text} spellCheck={false} autoFocus
        autoComplete="off" placeholder="eyJhbGciOi…" aria-invalid={wrong !== ''}
        aria-describedby={`${id}-wrong`}
        onChange={(event) => setText(event.target.value)} />
      <p id={`${id}-wrong`} className="wrong" role="alert">{wrong}</p>
      <button className="primary">{label}</button>
    </form>
  );
}
