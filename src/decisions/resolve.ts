import type { Judgement, Parking, Resolution } from './model.js';

/** Judges what somebody wants done with a parked step; the first resolution that fits stands. */
export function resolve(parking: Parking | null, wish: Resolution): Judgement<Parking | null> {
  const refused = refusal(parking, wish);
  if (parking === null || refused !== null) {
    return { counted: false, verdict: refused ?? 'nothing is parked', next: parking };
  }
  return {
    counted: true,
    verdict: `counted: ${wish.action} ${parking.step}`,
    next: { ...parking, action: wish.action, by: wish.by },
  };
}

function refusal(parking: Parking | null, wish: Resolution): string | null {
  if (parking === null) return 'early: nothing is parked';
  if (wish.plan !== parking.planHash) {
    return `foreign: it is for plan ${wish.plan}, this phase runs plan ${parking.planHash}`;
  }
  if (wish.step !== parking.step) return `foreign: ${wish.step} is not parked, ${parking.step} is`;
  if (wish.opening !== parking.opening) {
    return `late or foreign: opening ${wish.opening} is not the open one, ${parking.opening} is`;
  }
  if (parking.action !== null) return `late: ${parking.action} was chosen already`;
  if (!parking.actions.includes(wish.action)) {
    return `refused: ${wish.action} is not possible here, only ${parking.actions.join(', ')}`;
  }
  return null;
}
