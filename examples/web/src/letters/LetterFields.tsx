// SPDX-License-Identifier: MIT
import { Field } from '../parts/Field.tsx';
import type { LetterForm } from './fields.ts';

const TONES = ['neutral', 'formal', 'friendly', 'apologetic', 'persuasive'] as const;

export function LetterFields({ form }: { form: LetterForm }) {
  const { register, formState: { errors } } = form;

  return (
    <>
      <fieldset className="grid">
        <legend>To</legend>
        <Field label="Name" error={errors.recipient?.name}>
          {(field) => <input {...field} {...register('recipient.name')} autoComplete="off" />}
        </Field>
        <Field label="Email" error={errors.recipient?.email}>
          {(field) => <input {...field} {...register('recipient.email')}
            type="email" autoComplete="off" />}
        </Field>
      </fieldset>
      <AddressFields form={form} />
      <Field label="Subject" error={errors.title}>
        {(field) => <input {...field} {...register('title')}
          className="subject" autoComplete="off" />}
      </Field>
      <Field label="What the letter is to say" error={errors.body}>
        {(field) => <textarea {...field} {...register('body')} className="ruled" rows={7} />}
      </Field>
      <fieldset className="grid">
        <legend className="unseen">More</legend>
        <Field label="Tone" error={errors.tone}>
          {(field) => (
            <select {...field} {...register('tone')}>
              {TONES.map((tone) => <option key={tone}>{tone}</option>)}
            </select>
          )}
        </Field>
        <Field label="Language" hint="like en or pt-BR" error={errors.locale}>
          {(field) => <input {...field} {...register('locale')} autoComplete="off" />}
        </Field>
        <Field label="Reference" hint="a name of your own" error={errors.reference}>
          {(field) => <input {...field} {...register('reference')}
            autoComplete="off" spellCheck={false} />}
        </Field>
        <Field label="Tags" hint="with commas between" error={errors.tags}>
          {(field) => <input {...field} {...register('tags')} autoComplete="off" />}
        </Field>
      </fieldset>
    </>
  );
}

/** Shut away until it is wanted, or there is one, or there is something wrong with it. */
function AddressFields({ form: { register, formState } }: { form: LetterForm }) {
  const errors = formState.errors.recipient?.address;
  const had = formState.defaultValues?.recipient?.address?.city;

  return (
    <details className="address" open={Boolean(had) || errors !== undefined || undefined}>
      <summary>Postal address</summary>
      <div className="grid">
        <Field label="Street and house" hint="up to four lines" error={errors?.lines}>
          {(field) => <textarea {...field} {...register('recipient.address.lines')} rows={2} />}
        </Field>
        <Field label="Postal code" error={errors?.postal_code}>
          {(field) => <input {...field} {...register('recipient.address.postal_code')} />}
        </Field>
        <Field label="City" error={errors?.city}>
          {(field) => <input {...field} {...register('recipient.address.city')} />}
        </Field>
        <Field label="Region" hint="if it has one" error={errors?.region}>
          {(field) => <input {...field} {...register('recipient.address.region')} />}
        </Field>
        <Field label="Country" hint="two letters" error={errors?.country}>
          {(field) => <input {...field} {...register('recipient.address.country')} maxLength={2} />}
        </Field>
      </div>
    </details>
  );
}
