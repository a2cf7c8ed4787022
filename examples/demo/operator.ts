import { spawn } from 'node:child_process';

/** Types commands into a real shell, as they are printed. */
export class Operator {
  constructor(
    private readonly shell: Record<string, string>,
    private readonly show: (text: string) => void,
  ) {}

  /** Prints the command and runs it; what it prints is only shown where it fails. */
  async type(command: string, by?: string): Promise<string> {
    this.show(`${by ? `${by} ` : ''}$ ${command}`);
    const { code, output } = await this.run(command);
    if (code !== 0) throw new Error(`the command ended with ${code}: ${output.trim()}`);
    return output;
  }

  private run(command: string): Promise<{ code: number; output: string }> {
    return new Promise((resolve, reject) => {
      const child = spawn('sh', ['-c', command], {
        env: { ...process.env, ...this.shell },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
      child.stderr.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
      child.once('error', reject);
      child.once('close', (code) => resolve({ code: code ?? 1, output }));
    });
  }
}
