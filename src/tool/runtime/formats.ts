// SPDX-License-Identifier: MIT
/*
 * The formats of JSON Schema 2020-12, each with the verdict of the server's
 * scanner.  Only ASCII digits and letters count.  Every expression here takes
 * time in proportion to the text: no two parts of one can take the same text.
 */
import { idnaHolds, labelMax, nameMax } from './idna.ts';
import type { Format } from './schema.ts';

/* ---- dates and times: RFC 3339 ---- */

const dayMinutes = 24 * 60;
const monthDays = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;
const timeExpression = /^(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

export function isDate(text: string): boolean {
  const [, century = '', year = '', month = '', day = ''] = /^(\d\d)(\d\d)-(\d\d)-(\d\d)$/.exec(text) ?? [];
  const days = monthDays[Number(month) - 1];

  if (days === undefined || Number(day) < 1 || Number(day) > days) return false;
  return month !== '02' || day !== '29' || Number(year === '00' ? century : year) % 4 === 0;
}

/** The minute of a time in UTC, perhaps of the day before or after, or null. */
function minuteOf(text: string): number | null {
  const match = timeExpression.exec(text);

  if (match === null) return null;
  const [, hour, minute, second, sign, offsetHour = 0, offsetMinute = 0] = match;
  const offset = (Number(offsetHour) * 60 + Number(offsetMinute)) * (sign === '-' ? -1 : 1);
  const inUtc = Number(hour) * 60 + Number(minute) - offset;

  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return null;
  if (Number(offsetHour) > 23 || Number(offsetMinute) > 59) return null;
  /* A leap second is the last of a day in UTC. */
  return Number(second) < 60 || (inUtc + dayMinutes) % dayMinutes === dayMinutes - 1 ? inUtc : null;
}

export function isTime(text: string): boolean {
  return minuteOf(text) !== null;
}

/** The year has four digits in UTC, too, where the database rounds to microseconds. */
function isTellable(text: string, minute: number): boolean {
  const roundsUp = /^.{17}59\.999999\d/.test(text);

  if (text.startsWith('9999-12-31')) {
    return minute < dayMinutes - 1 || (minute === dayMinutes - 1 && text[17] !== '6' && !roundsUp);
  }
  return text.startsWith('0001-01-01') ? minute >= 0 : !text.startsWith('0000');
}

export function isDateTime(text: string): boolean {
  if (!isDate(text.slice(0, 10)) || !/^[Tt]$/.test(text.charAt(10))) return false;
  const minute = minuteOf(text.slice(11));

  return minute !== null && isTellable(text, minute);
}

export function isDuration(text: string): boolean {
  return text !== 'P' &&
    /^P(?:\d+W|(?:\d+Y(?:\d+M(?:\d+D)?)?|\d+M(?:\d+D)?|\d+D)?(?:T(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S))?)$/.test(text);
}

/* ---- hosts and mailboxes ---- */

export function isIpv4(text: string): boolean {
  return /^(?:(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])(?:\.(?!$)|$)){4}$/.test(text);
}

/** The text forms of RFC 4291, section 2.2; no zone, no prefix. */
export function isIpv6(text: string): boolean {
  const dotted = /^(.*:)([^:]*\.[^:]*)$/s.exec(text);

  if (dotted !== null && !isIpv4(dotted[2] ?? '')) return false;
  const groups = dotted === null ? text : `${dotted[1] ?? ''}0:0`;
  const [before = '', after, ...more] = groups.split('::');
  const list = [before, after ?? ''].flatMap((part) => (part === '' ? [] : part.split(':')));

  if (more.length > 0 || !list.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return false;
  return after === undefined ? before !== '' && list.length === 8 : list.length <= 7;
}

/** RFC 1123, section 2.1, and A-labels of RFC 5891. */
export function isHostname(text: string): boolean {
  if (text.length > nameMax) return false;
  for (const label of text.split('.')) {
    if (!/^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/.test(label) || label.length > labelMax) return false;
    if (label.startsWith('--', 2)) return idnaHolds(text, 'ascii');
  }
  return true;
}

export function isIdnHostname(text: string): boolean {
  return idnaHolds(text, 'strict');
}

const atext = "A-Za-z0-9\\/?_~!$&'*=#%\\^`\\{\\|\\}+\\-";
const wideText = '\\u{80}-\\u{10ffff}';

/* RFC 5321, section 4.1.2: a dot-string or a quoted string, then the domain. */
const mailbox = /*#__PURE__*/ mailboxExpression('');
const wideMailbox = /*#__PURE__*/ mailboxExpression(wideText);

function mailboxExpression(wide: string): RegExp {
  const atom = `[${atext}${wide}]+`;
  const quoted = `"(?:[ !#-\\[\\]-~${wide}]|\\\\[ -~])*"`;

  return new RegExp(`^(${quoted}|${atom}(?:\\.${atom})*)@(.*)$`, 'su');
}

function bytesOf(text: string): number {
  let bytes = 0;

  for (const character of text) {
    const c = character.codePointAt(0) ?? 0;

    bytes += c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  }
  return bytes;
}

/** RFC 5321, section 4.1.3, between the brackets. */
function isAddressLiteral(text: string): boolean {
  if (/^ipv6:/i.test(text)) return isIpv6(text.slice(5));
  return isIpv4(text) || /^[A-Za-z0-9-]*[A-Za-z0-9]:[!-Z^-~]+$/.test(text);
}

function isMailbox(text: string, expression: RegExp, isDomain: (text: string) => boolean): boolean {
  /* RFC 5321, 4.5.3.1.3: a path of 256 bytes with its angle brackets. */
  const match = text.length > 254 || bytesOf(text) > 254 ? null : expression.exec(text);

  if (match === null) return false;
  const [, local = '', domain = ''] = match;

  if (bytesOf(local) > 64) return false;
  return domain.length >= 2 && domain.startsWith('[') && domain.endsWith(']')
    ? isAddressLiteral(domain.slice(1, -1))
    : isDomain(domain);
}

export function isEmail(text: string): boolean {
  return isMailbox(text, mailbox, isHostname);
}

export function isIdnEmail(text: string): boolean {
  return isMailbox(text, wideMailbox, (domain) => idnaHolds(domain, 'mail'));
}

/* ---- URIs: RFC 3986, IRIs: RFC 3987 ---- */

const escape = '%[0-9A-Fa-f]{2}';
const regName = "A-Za-z0-9\\-._~!$&'()*+,;=";
const segment = `${regName}:@\\/`;
const privateText = '\\ue000-\\uf8ff\\u{f0000}-\\u{ffffd}\\u{100000}-\\u{10fffd}';

/** What an IRI may hold beyond ASCII: the low part, all but the marks that turn text, and the rest. */
function ucsText(low: string): string {
  const planes = Array.from({ length: 13 }, (_, i) => {
    const plane = (i + 1).toString(16);

    return `\\u{${plane}0000}-\\u{${plane}fffd}`;
  });

  return `${low}\\uf900-\\ufdcf\\ufdf0-\\uffef${planes.join('')}\\u{e1000}-\\u{efffd}`;
}

function partOf(classes: string): string {
  return `(?:[${classes}]|${escape})*`;
}

/** What follows the scheme; without one, the first segment holds no colon. */
function referenceExpression(withScheme: boolean, wide: string, wideQuery: string): RegExp {
  const host = `(?:\\[(?<literal>[^\\]]*)\\]|${partOf(regName + wide)})`;
  const authority = `\\/\\/(?:${partOf(`${regName}:${wide}`)}@)?${host}(?::\\d*)?(?=[\\/?#]|$)`;
  const relative = withScheme ? '' : `(?!${partOf(`${regName}@${wide}`)}:)`;
  const query = partOf(`${segment}?${wide}${wideQuery}`);
  const fragment = partOf(`${segment}?${wide}`);

  return new RegExp(`^(?:${authority}|(?!\\/\\/)${relative})${partOf(segment + wide)}(?:\\?${query})?(?:#${fragment})?$`, 'u');
}

const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:/;
const afterScheme = /*#__PURE__*/ referenceExpression(true, '', '');
const relative = /*#__PURE__*/ referenceExpression(false, '', '');
const wideAfterScheme = /*#__PURE__*/ wideExpression(true);
const wideRelative = /*#__PURE__*/ wideExpression(false);

function wideExpression(withScheme: boolean): RegExp {
  return referenceExpression(withScheme, ucsText('\\u00a0-\\u200d\\u2010-\\u2029\\u202f-\\ud7ff'), privateText);
}

/** IP-literal of RFC 3986, section 3.2.2, between the brackets; no zone. */
function isIpLiteral(text: string): boolean {
  return /^v/i.test(text) ? /^v[0-9a-f]+\.[\w\-.~!$&'()*+,;=:]+$/i.test(text) : isIpv6(text);
}

function isReference(text: string, expression: RegExp): boolean {
  const match = expression.exec(text);
  const literal = match?.groups?.['literal'];

  return match !== null && (literal === undefined || isIpLiteral(literal));
}

export function isUri(text: string): boolean {
  const start = scheme.exec(text);

  return start !== null && isReference(text.slice(start[0].length), afterScheme);
}

export function isUriReference(text: string): boolean {
  return scheme.test(text) ? isUri(text) : isReference(text, relative);
}

export function isIri(text: string): boolean {
  const start = scheme.exec(text);

  return start !== null && isReference(text.slice(start[0].length), wideAfterScheme);
}

export function isIriReference(text: string): boolean {
  return scheme.test(text) ? isIri(text) : isReference(text, wideRelative);
}

/* RFC 6570. */
const template = /*#__PURE__*/ templateExpression();

function templateExpression(): RegExp {
  const literal = `[A-Za-z0-9\\-._~!$&'()*+,;=:@\\/?#\\[\\]${ucsText('\\u00a0-\\ud7ff')}${privateText}]|${escape}`;
  const name = `(?:\\w|${escape})+`;
  const variable = `${name}(?:\\.${name})*(?:\\*|:[1-9]\\d{0,3})?`;

  return new RegExp(`^(?:${literal}|\\{[+#.\\/;?&=,!@|]?${variable}(?:,${variable})*\\})*$`, 'u');
}

export function isUriTemplate(text: string): boolean {
  return template.test(text);
}

/* ---- others ---- */

export function isUuid(text: string): boolean {
  return /^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/.test(text);
}

export function isJsonPointer(text: string): boolean {
  return /^(?:\/(?:[^~]|~[01])*)?$/.test(text);
}

export function isRelativeJsonPointer(text: string): boolean {
  return /^(?:0|[1-9]\d*)(?:[+-](?:0|[1-9]\d*))?(?:#|(?:\/(?:[^~]|~[01])*)?)$/.test(text);
}

/** Has an expression what came after the 15th edition of ECMA-262, or no edition? */
function isLaterExpression(text: string): boolean {
  const outsideClasses = text.replace(/\\[^]|\[(?:\\[^]|[^\]\\])*\]/g, 'x');
  /* V8 takes the low byte of a letter beyond ASCII for a property's name. */
  const odd = /\\[pP]\{[^}]*[^ -~]/u.test(text);
  const names = Array.from(outsideClasses.matchAll(/\(\?<([^=!>][^>]*)>/g), (match) => match[1]);

  return odd || /\(\?[a-z-]/.test(outsideClasses) || new Set(names).size < names.length;
}

/** An expression of ECMA-262 with the flag u. */
export function isRegex(text: string): boolean {
  if (text.length > 65_536 || isLaterExpression(text)) return false;
  try {
    return new RegExp(text, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}

/* ---- by the names that schemas have for them ---- */

export const dateTime: Format = { name: 'date-time', holds: isDateTime };
export const date: Format = { name: 'date', holds: isDate };
export const time: Format = { name: 'time', holds: isTime };
export const duration: Format = { name: 'duration', holds: isDuration };
export const email: Format = { name: 'email', holds: isEmail };
export const idnEmail: Format = { name: 'idn-email', holds: isIdnEmail };
export const hostname: Format = { name: 'hostname', holds: isHostname };
export const idnHostname: Format = { name: 'idn-hostname', holds: isIdnHostname };
export const ipv4: Format = { name: 'ipv4', holds: isIpv4 };
export const ipv6: Format = { name: 'ipv6', holds: isIpv6 };
export const uri: Format = { name: 'uri', holds: isUri };
export const uriReference: Format = { name: 'uri-reference', holds: isUriReference };
export const iri: Format = { name: 'iri', holds: isIri };
export const iriReference: Format = { name: 'iri-reference', holds: isIriReference };
export const uriTemplate: Format = { name: 'uri-template', holds: isUriTemplate };
export const uuid: Format = { name: 'uuid', holds: isUuid };
export const jsonPointer: Format = { name: 'json-pointer', holds: isJsonPointer };
export const relativeJsonPointer: Format = { name: 'relative-json-pointer', holds: isRelativeJsonPointer };
export const regex: Format = { name: 'regex', holds: isRegex };
