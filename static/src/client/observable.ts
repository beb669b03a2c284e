/** A value that tells those who watch it when it changes. Values are never changed in place. */
export class Observable<T> {
  #value: T;
  readonly #watchers = new Set<(value: T) => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const watcher of [...this.#watchers]) watcher(value);
  }

  /** Changes some fields of an object. */
  patch(change: Partial<T>): void {
    this.set({ ...this.#value, ...change });
  }

  /** Calls `watcher` at each change, until the function that is returned is called. */
  watch(watcher: (value: T) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }
}
