import type { Checkpoint, CheckpointName } from '../src/plan/model.js';
import { waitAtGate } from './gate.js';
import type { Run } from './run.js';

export function checkpointNamed(run: Run, name: CheckpointName): Checkpoint | null {
  return run.brief?.checkpoints.find(({ checkpoint }) => checkpoint === name) ?? null;
}

/** Waits at the checkpoint if the plan has it. */
export async function passCheckpoint(run: Run, name: CheckpointName): Promise<void> {
  const checkpoint = checkpointNamed(run, name);
  if (checkpoint) await waitAtGate(run, checkpoint);
}
