import type { Decision, Gate, Judgement } from './model.js';

/** Two names are one person's if only case and surrounding blanks differ. */
export function sameName(a: string, b: string): boolean {
  return fold(a) === fold(b);
}

function fold(name: string): string {
  return name.trim().normalize('NFKC').toLowerCase();
}

/**
 * Judges one decision on its arrival. `now` is the clock at that moment: a decision at or after the deadline is late
 * whatever the order in which signals and timers arrive. `principal` is who the server says has sent it, where it does.
 * Signals and the update go through here alike.
 */
export function decide(
  gate: Gate | null,
  decision: Decision,
  now: number,
  principal: string | null = null,
): Judgement<Gate | null> {
  const refused = gate === null ? noGate() : refusal(gate, decision, now, principal);
  if (gate === null || refused !== null) return { counted: false, verdict: refused ?? noGate(), next: gate };
  const by = who(gate, decision, principal);
  if (decision.decision === 'reject') {
    return {
      counted: true,
      verdict: `${gate.checkpoint} is rejected by ${by}`,
      next: { ...gate, state: 'rejected', rejectedBy: by },
    };
  }
  const approvals = [...gate.approvals, { by, at: now, reason: decision.reason }];
  const open = approvals.length < gate.needed;
  return {
    counted: true,
    verdict: open
      ? `counted: ${approvals.length} of ${gate.needed} approvals for ${gate.checkpoint}`
      : `counted: ${gate.checkpoint} is approved`,
    next: { ...gate, approvals, state: open ? 'open' : 'approved' },
  };
}

function noGate(): string {
  return 'early: no checkpoint is open';
}

function who(gate: Gate, decision: Decision, principal: string | null): string {
  return gate.trust === 'principal' && principal !== null ? principal : decision.by.trim();
}

function refusal(gate: Gate, decision: Decision, now: number, principal: string | null): string | null {
  if (decision.plan !== gate.planHash) {
    return `foreign: it is for plan ${decision.plan}, this phase runs plan ${gate.planHash}`;
  }
  if (decision.checkpoint !== gate.checkpoint) {
    return gate.state === 'open'
      ? `foreign: ${decision.checkpoint} is not open, ${gate.checkpoint} is (opening ${gate.opening})`
      : `early or late: ${decision.checkpoint} is not open`;
  }
  if (decision.opening !== gate.opening) {
    return decision.opening < gate.opening
      ? `late: opening ${decision.opening} of ${gate.checkpoint} is over, ${gate.opening} is the newest`
      : `foreign: ${gate.checkpoint} has no opening ${decision.opening}, ${gate.opening} is the newest`;
  }
  if (gate.state !== 'open')
    return `late: opening ${gate.opening} of ${gate.checkpoint} is already ${gate.state}`;
  if (gate.deadline !== null && now >= gate.deadline) {
    return `late: the deadline of ${gate.checkpoint} was ${new Date(gate.deadline).toISOString()}`;
  }
  if (decision.by.trim() === '') return 'nameless: say who decides with by';
  if (gate.trust === 'principal' && principal === null) {
    return 'not trusted: this checkpoint accepts only who the Temporal server vouches for, and it names nobody here';
  }
  const by = who(gate, decision, principal);
  if (gate.from.length > 0 && !gate.from.some((one) => sameName(one, by))) {
    return `foreign: ${by} is none of ${gate.from.join(', ')}`;
  }
  if (decision.decision === 'reject') {
    return gate.canReject
      ? null
      : 'refused: nothing can be undone after the first drop; repair, then approve';
  }
  if (gate.approvals.some((one) => sameName(one.by, by))) return `repeated: ${by} has approved already`;
  const missing = gate.checklist.filter((item) => !decision.checklist.some((done) => sameName(done, item)));
  if (missing.length > 0) return `incomplete: not ticked: ${missing.join(', ')}`;
  return null;
}
