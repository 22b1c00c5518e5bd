// SPDX-License-Identifier: MIT
//
// A first visit: the token is good, but there is no profile yet, without which no
// letter can be written (profile_required).

import { standardSchemaResolver } from '@hookform/resolvers/standard-schema';
import { useMutation } from '@tanstack/react-query';
import { useForm } from 'react-hook-form';
import { client, queryClient } from './api.ts';
import type { RegisterUser } from './api/index.ts';
import * as userQueries from './api/queries/users.ts';
import { registerUser } from './api/validators.ts';
import { Brand } from './parts/Brand.tsx';
import { Field } from './parts/Field.tsx';
import { signOut } from './session.ts';
import { isProblem, words } from './words.ts';

export function Register() {
  const register = useMutation(userQueries.registerOptions(client, queryClient));
  const form = useForm<RegisterUser, unknown, RegisterUser>({
    defaultValues: {
      display_name: '', email: '',
      time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    },
    resolver: standardSchemaResolver(registerUser),
  });
  const { errors } = form.formState;

  return (
    <main className="door">
      <form className="envelope" noValidate
        onSubmit={form.handleSubmit((body) => register.mutate({ body }))}>
        <Brand as="h1" />
        <p className="lead">Welcome. One more thing before your first letter: who is writing?</p>
        <Field label="Your name" error={errors.display_name}>
          {(field) => <input {...field} {...form.register('display_name')}
            autoComplete="name" autoFocus />}
        </Field>
        <Field label="Email" error={errors.email}>
          {(field) => <input {...field} {...form.register('email')}
            type="email" autoComplete="email" />}
        </Field>
        {isProblem(register.error) &&
          <p className="wrong" role="alert">{words(register.error)}</p>}
        <div className="actions">
          <button className="primary" disabled={register.isPending}>
            {register.isPending ? 'Registering…' : 'Register'}
          </button>
          <button type="button" className="quiet" onClick={signOut}>Sign out</button>
        </div>
      </form>
    </main>
  );
}
