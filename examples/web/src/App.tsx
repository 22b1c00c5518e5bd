// SPDX-License-Identifier: MIT
//
// Which of the page's three faces is seen: signing in, registering, or the desk.

import { useQuery } from '@tanstack/react-query';
import { client } from './api.ts';
import * as userQueries from './api/queries/users.ts';
import { Desk } from './Desk.tsx';
import { Banners } from './parts/Banners.tsx';
import { Notices } from './parts/Notices.tsx';
import { Register } from './Register.tsx';
import { session, subjectOf } from './session.ts';
import { SignIn, SignInAgain } from './SignIn.tsx';
import { useStore } from './store.ts';

export function App() {
  const { token, expired } = useStore(session);

  if (token === null) return <SignIn />;
  return (
    <>
      <Home key={subjectOf(token)} />
      <Notices />
      {expired && <SignInAgain token={token} />}
    </>
  );
}

/** A profile that is not there is a first visit; any other trouble is told. */
function Home() {
  const me = useQuery(userQueries.meOptions(client));

  if (me.error?.code === 'not_found') return <Register />;
  return (
    <>
      <Banners />
      <Desk me={me.data?.data ?? null} />
    </>
  );
}
