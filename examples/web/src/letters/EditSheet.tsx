// SPDX-License-Identifier: MIT
import { useQuery } from '@tanstack/react-query';
import { client } from '../api.ts';
import * as letterQueries from '../api/queries/letters.ts';
import { Trouble } from '../parts/States.tsx';
import { LetterForm } from './LetterForm.tsx';
import { Blank } from './LetterSheet.tsx';

/** A draft is read afresh before it is edited: a form begins with what is true. */
export function EditSheet({ id }: { id: string }) {
  const read = useQuery({ ...letterQueries.readOptions(client, id), staleTime: 0 });

  if (read.error && !read.data) {
    return <Trouble title="The letter could not be loaded" problem={read.error}
      since={read.errorUpdatedAt} retry={() => void read.refetch()} />;
  }
  if (!read.data || !read.isFetchedAfterMount) return <Blank />;
  return <LetterForm base={{ letter: read.data.data, etag: read.data.etag ?? '*' }} />;
}
