// SPDX-License-Identifier: MIT
import { useMutation } from '@tanstack/react-query';
import { useEffect, useRef, useState, type FormEvent } from 'react';
import { client, queryClient } from '../api.ts';
import type { Letter, SendLetter } from '../api/index.ts';
import * as letterQueries from '../api/queries/letters.ts';
import { tell } from '../notices.ts';
import { useOnline } from '../parts/Banners.tsx';

type Channel = NonNullable<SendLetter['channel']>;

/** How and when the letter goes out; a way without an address cannot be chosen. */
export function SendForm({ letter, close }: { letter: Letter; close: () => void }) {
  const { name, email, address } = letter.recipient;
  const [channel, setChannel] = useState<Channel>(email || !address ? 'email' : 'post');
  const [time, setTime] = useState('');
  const online = useOnline();
  const form = useRef<HTMLFormElement>(null);
  const send = useMutation({
    ...letterQueries.sendOptions(client, queryClient),
    meta: { failed: 'The letter was not sent.' },
  });
  const ways: [Channel, string, string | undefined][] = [
    ['email', 'By email', email],
    ['post', 'By post', address && `${address.postal_code} ${address.city}`],
  ];

  useEffect(() => {
    form.current?.scrollIntoView({ block: 'nearest' });
  }, []);

  function submit(event: FormEvent) {
    event.preventDefault();
    const scheduled_for = time && new Date(time).toISOString();

    send.mutate({ id: letter.id, body: { channel, ...(scheduled_for && { scheduled_for }) } }, {
      onSuccess: () => tell('done', `The letter to ${name} is on its way.`),
    });
  }

  return (
    <form ref={form} className="send" onSubmit={submit} aria-label="Send the letter">
      <fieldset>
        <legend>How shall it go?</legend>
        {ways.map(([way, label, to]) => (
          <label key={way} className="way">
            <input type="radio" name="channel" value={way} checked={channel === way}
              disabled={!to} onChange={() => setChannel(way)} />
            <span>{label}<small>{to ?? 'no address'}</small></span>
          </label>
        ))}
      </fieldset>
      <label className="field">Not before <small>(at once if empty)</small>
        <input type="datetime-local" value={time}
          onChange={(event) => setTime(event.target.value)} />
      </label>
      <div className="actions">
        <button className="primary" disabled={send.isPending || !online}>
          {send.isPending ? 'Sending…' : 'Send the letter'}
        </button>
        <button type="button" className="quiet" onClick={close}>Not yet</button>
      </div>
    </form>
  );
}
