/** Everything of the outside world that a command may touch. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Fires with an `Interrupted` as its reason when the user or the system wants the run to end. */
  readonly signal: AbortSignal;
  /** Fires when the user presses Ctrl-C a second time: what may take long and can be left is left. */
  readonly hurry?: AbortSignal | undefined;
  /** Waits until the person at the terminal presses Enter; undefined where nobody is there. */
  readonly enter?: ((signal: AbortSignal) => Promise<void>) | undefined;
}

export interface Output {
  write(text: string): void;
  readonly isTTY: boolean;
  /** Of a terminal. */
  readonly columns?: number | undefined;
  /** The real stream, for the spinner. */
  readonly stream?: NodeJS.WriteStream;
}
