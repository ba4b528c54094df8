/**
 * Who is told when JavaScript has collected an object.
 *
 * All watchers of a thread share one FinalizationRegistry, which never dies. When V8 finds that a
 * registry has something to call, and the registry itself is collected before it could, no registry
 * of that thread is called ever again (Node 20.20, 22.23 and 24.21). With a registry for each heap,
 * a program that drops heaps would so have disabled all others, its own too.
 */

interface Entry {
  /** Weak, so that entries keep no heap alive. */
  readonly watcher: WeakRef<Watcher<unknown>>;
  readonly held: unknown;
}

const registry = new FinalizationRegistry<Entry>(({ watcher, held }) =>
  watcher.deref()?.onCollected(held),
);

/** Is told of the objects it watches, as long as it lives itself. */
export class Watcher<T> {
  readonly onCollected: (held: T) => void;
  readonly #self: WeakRef<Watcher<unknown>>;

  /** @param onCollected is called with what was given along with the object */
  constructor(onCollected: (held: T) => void) {
    this.onCollected = onCollected;
    this.#self = new WeakRef(this as Watcher<unknown>);
  }

  /** Watches `target`, until `unregister` is called with the token. */
  register(target: object, held: T, token?: object): void {
    registry.register(target, { watcher: this.#self, held }, token);
  }

  unregister(token: object): void {
    registry.unregister(token);
  }
}
