// SPDX-License-Identifier: MIT

export function Brand({ as: Tag }: { as: 'h1' | 'span' }) {
  return (
    <Tag className="brand">
      <svg viewBox="0 0 32 24" width="32" height="24" aria-hidden="true">
        <rect x="1" y="1" width="30" height="22" rx="2.5" className="brand-paper" />
        <path d="M1 17.5v4A1.5 1.5 0 0 0 2.5 23h4Z" className="brand-red" />
        <path d="M31 6.5v-4A1.5 1.5 0 0 0 29.5 1h-4Z" className="brand-blue" />
        <path d="m2.5 4 13.5 10 13.5-10" className="brand-fold" />
      </svg>
      Letters
    </Tag>
  );
}
