/** Xen's console ring: the last part of what the hypervisor has printed. */

/** Size of Xen's ring unless its command line says otherwise (`conring_size`). */
const RING_CHARACTERS = 16_384;

export class ConsoleRing {
  #text = '';

  get text(): string {
    return this.#text;
  }

  print(line: string): void {
    this.#text = `${this.#text}(XEN) ${line}\n`.slice(-RING_CHARACTERS);
  }

  clear(): void {
    this.#text = '';
  }
}
