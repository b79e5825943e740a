/** An ELF core of a domain as xc_domain_dumpcore writes it (docs/misc/dump-core-format.txt): sections with Xen's notes and pages. */
import { open, rm, type FileHandle } from 'node:fs/promises';
import type { DomainControl, LongCallOptions } from '@xenops/core/hypervisor';
import { throwIfAborted } from '@xenops/core/lifetime';
import { isContainer, type DomainRecord } from './domain-record.ts';
import { refuse, type XenState } from './xen-state.ts';

const CALL = 'xc_domain_dumpcore_via_callback';
const HEADER_BYTES = 64;
const SECTION_BYTES = 64;
const SECTION_NOBITS_INDEX = 0;
const SECTION_PROGBITS = 1;
const SECTION_STRTAB = 3;
const SECTION_NOTE = 7;
/** Types of Xen's notes in a core (xen/include/public/elfnote.h). */
const NOTE_NONE = 0x200_0000;

export function dumpCoreVerb(xen: XenState): Pick<DomainControl, 'dumpCore'> {
  return { dumpCore: (domid, filePath, options) => dumpCore(xen, domid, filePath, options) };
}

async function dumpCore(
  xen: XenState,
  domid: number,
  filePath: string,
  { signal, onProgress }: LongCallOptions = {},
): Promise<void> {
  throwIfAborted(signal, `the core of domain ${domid}`);
  const domain = xen.getOther(domid, CALL, 'dump');
  if (domain.guest === undefined) {
    refuse({ call: CALL, domid }, 'EINVAL', `Domain ${domid} has nothing in it to be dumped`);
  }
  if (!isContainer(domain) && !domain.isIdle) {
    const message = `Domain ${domid} has not told the map of its frames yet`;
    refuse({ call: CALL, domid }, 'EIO', message);
  }
  const file = await open(filePath, 'wx', 0o600).catch((cause: unknown) =>
    refuse({ call: CALL, domid }, errnoNameOf(cause), `The new file ${filePath} cannot be made`),
  );
  try {
    onProgress?.({ stage: 'dump', done: 0, total: domain.pages });
    await writeCore(file, domain);
    throwIfAborted(signal, `the core of domain ${domid}`);
    await file.close();
  } catch (error) {
    await file.close();
    await rm(filePath, { force: true });
    throw error;
  }
}

/** Header, names, note, pages: those that have contents, the others read as zeros on real hosts too. */
async function writeCore(file: FileHandle, domain: DomainRecord): Promise<void> {
  const pages = domain.memory.contents();
  const names = Buffer.from('\0.shstrtab\0.note.Xen\0.xen_pages\0.xen_pfn\0');
  const note = xenNote();
  const frames = Buffer.alloc(8 * pages.length);
  for (const [index, { frame }] of pages.entries()) frames.writeBigUInt64LE(frame, 8 * index);
  const contents = Buffer.concat(pages.map(({ bytes }) => bytes));
  const parts = [
    { name: '.shstrtab', type: SECTION_STRTAB, bytes: names },
    { name: '.note.Xen', type: SECTION_NOTE, bytes: note },
    { name: '.xen_pages', type: SECTION_PROGBITS, bytes: contents },
    { name: '.xen_pfn', type: SECTION_PROGBITS, bytes: frames },
  ];
  const sections = [Buffer.alloc(SECTION_BYTES, SECTION_NOBITS_INDEX)];
  let offset = HEADER_BYTES + SECTION_BYTES * (parts.length + 1);
  for (const { name, type, bytes } of parts) {
    const section = Buffer.alloc(SECTION_BYTES);
    section.writeUInt32LE(names.indexOf(`${name}\0`), 0);
    section.writeUInt32LE(type, 4);
    section.writeBigUInt64LE(BigInt(offset), 24);
    section.writeBigUInt64LE(BigInt(bytes.length), 32);
    section.writeBigUInt64LE(1n, 48);
    sections.push(section);
    offset += bytes.length;
  }
  await file.writeFile(
    Buffer.concat([coreHeader(sections.length), ...sections, ...parts.map(({ bytes }) => bytes)]),
  );
}

/** An ELF64 core file for x86-64 (ET_CORE, EM_X86_64) without segments. */
function coreHeader(sectionCount: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(header);
  header.writeUInt16LE(4, 16);
  header.writeUInt16LE(62, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BigInt(HEADER_BYTES), 40);
  header.writeUInt16LE(HEADER_BYTES, 52);
  header.writeUInt16LE(SECTION_BYTES, 58);
  header.writeUInt16LE(sectionCount, 60);
  header.writeUInt16LE(1, 62);
  return header;
}

function xenNote(): Buffer {
  const note = Buffer.alloc(16);
  note.writeUInt32LE(4, 0);
  note.writeUInt32LE(NOTE_NONE, 8);
  note.write('Xen\0', 12, 'latin1');
  return note;
}

function errnoNameOf(cause: unknown): 'EEXIST' | 'EIO' {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return code === 'EEXIST' ? code : 'EIO';
}
