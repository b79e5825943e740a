/** What happens to a VM, in the order in which its reactions see it. */
export type VmEvent =
  | {
      readonly kind: 'state';
      /** As in xenstore. */
      readonly internal: string;
      /** -1 without a domain. */
      readonly domid: number;
      readonly before: string;
    }
  /** The guest's power: 0 awake, 3 asleep, 4 hibernated, 5 off. */
  | { readonly kind: 'acpi'; readonly state: number }
  /** The guest set its clock, by `clockOffsetSeconds` of its record. */
  | { readonly kind: 'rtc' }
  /** A setting that the switcher shows has been stored. */
  | { readonly kind: 'shown-settings' }
  | { readonly kind: 'agent-started' }
  | { readonly kind: 'agent-uninstalled' }
  /** The guest has said something of its PV drivers. */
  | { readonly kind: 'pv-addons' }
  /** A measured disk is not as it was. */
  | { readonly kind: 'measurement-failed'; readonly text: string };
