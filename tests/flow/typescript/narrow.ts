// SPDX-License-Identifier: MIT
//
// Every problem that the contract knows, narrowed by its code alone: no cast,
// no `as`, and `never` at the end, so that a new code does not compile here.
// What it gives is held against what the server said.

import type { AnyProblem } from './api/index.ts';

/** The status that the type has for the code, and what else it tells. */
export function narrow(problem: AnyProblem): [status: number, more: string] {
  switch (problem.code) {
  case 'validation_failed': {
    const status: 422 = problem.status;
    return [status, problem.issues.map((issue) => issue.pointer).join(' ')];
  }
  case 'invalid_query': case 'invalid_cursor': {
    const status: 400 = problem.status;
    return [status, problem.issues.map((issue) => issue.pointer).join(' ')];
  }
  case 'malformed_json': {
    const status: 400 = problem.status;
    return [status, `${problem.line}:${problem.column}`];
  }
  case 'bad_request': case 'idempotency_key_invalid':
  case 'idempotency_key_missing': case 'invalid_preference': {
    const status: 400 = problem.status;
    return [status, ''];
  }
  case 'token_missing': case 'token_invalid': case 'token_expired': {
    const status: 401 = problem.status;
    return [status, ''];
  }
  case 'forbidden': case 'user_suspended': case 'affiliate_suspended': {
    const status: 403 = problem.status;
    return [status, ''];
  }
  case 'not_found': case 'invitation_not_found': case 'referral_not_found':
  case 'coupon_not_found': {
    const status: 404 = problem.status;
    return [status, ''];
  }
  case 'not_acceptable': {
    const status: 406 = problem.status;
    return [status, ''];
  }
  case 'export_not_ready': case 'export_over':
  case 'request_in_progress': {
    const status: 409 = problem.status;
    return [status, `${problem.retryAfterMs}`];
  }
  case 'reference_taken': case 'code_taken': case 'domain_taken':
  case 'external_id_taken': {
    const status: 409 = problem.status;
    return [status, problem.issues?.map((issue) => issue.pointer).join(' ')
      ?? ''];
  }
  case 'conflict': case 'referenced': case 'affiliate_required':
  case 'already_affiliate': case 'already_member': case 'already_registered':
  case 'balance_insufficient': case 'commission_already_recorded':
  case 'commission_already_reversed': case 'commission_not_pending':
  case 'company_has_tickets': case 'coupon_already_redeemed':
  case 'coupon_expired': case 'coupon_not_started': case 'coupon_used_up':
  case 'endpoint_disabled': case 'exports_full':
  case 'job_key_taken': case 'job_not_dead':
  case 'letter_already_sent': case 'letter_in_writing':
  case 'letter_not_draft': case 'letter_not_queued': case 'letter_on_its_way':
  case 'maximum_too_low': case 'payout_state_conflict':
  case 'profile_required': case 'ticket_already_closed':
  case 'ticket_already_open': case 'ticket_not_open':
  case 'too_many_endpoints': {
    const status: 409 = problem.status;
    return [status, ''];
  }
  case 'export_gone': {
    const status: 410 = problem.status;
    return [status, ''];
  }
  case 'precondition_failed': {
    const status: 412 = problem.status;
    return [status, ''];
  }
  case 'body_too_large': {
    const status: 413 = problem.status;
    return [status, ''];
  }
  case 'uri_too_long': {
    const status: 414 = problem.status;
    return [status, ''];
  }
  case 'unsupported_media_type': {
    const status: 415 = problem.status;
    return [status, ''];
  }
  case 'all_rejected': {
    const status: 422 = problem.status;
    return [status, problem.records?.rejections.map((one) => one.code).join(' ')
      ?? ''];
  }
  case 'url_refused': {
    const status: 422 = problem.status;
    return [status, problem.issues?.map((issue) => issue.pointer).join(' ')
      ?? ''];
  }
  case 'idempotency_key_reused': case 'assignee_not_member':
  case 'company_not_found': case 'currency_mismatch':
  case 'event_yet_to_come': case 'period_invalid':
  case 'range_invalid': case 'recipient_unreachable':
  case 'referral_code_unknown': case 'zone_unknown': {
    const status: 422 = problem.status;
    return [status, ''];
  }
  case 'precondition_required': {
    const status: 428 = problem.status;
    return [status, ''];
  }
  case 'rate_limited': {
    const status: 429 = problem.status;
    return [status, `${problem.retryAfterMs}`];
  }
  case 'headers_too_large': {
    const status: 431 = problem.status;
    return [status, ''];
  }
  case 'internal': {
    const status: 500 = problem.status;
    return [status, ''];
  }
  case 'upstream_failed': {
    const status: 502 = problem.status;
    return [status, ''];
  }
  case 'unavailable': {
    const status: 503 = problem.status;
    return [status, `${problem.retryAfterMs}`];
  }
  case 'timeout': {
    const status: 504 = problem.status;
    return [status, ''];
  }
  case 'unknown_problem':
    return [problem.status, problem.serverCode];
  case 'network_failed': case 'timed_out': case 'aborted':
  case 'reply_unreadable': case 'request_unwritable':
    return [problem.status, problem.message];
  default: {
    const none: never = problem;
    return none;
  }
  }
}
