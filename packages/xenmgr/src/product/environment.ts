/** The OVF environment of a VM: a document with its properties and those of the other VMs of its appliance (DSP0243, 11). */
import type { View } from '../db/view.ts';
import { ManagerError } from '../manager/manager-error.ts';
import { vmUuids } from '../vms/slots.ts';
import { productProperties } from './product-properties.ts';

const NAMESPACE = 'http://schemas.dmtf.org/ovf/environment/1';

/** The document. Throws NOT_FOUND for a VM that belongs to no appliance. */
export function environmentXml(view: View, uuid: string): string {
  const appliance = applianceOf(view, uuid);
  if (appliance === '') {
    throw new ManagerError('NOT_FOUND', { message: 'The VM belongs to no appliance' });
  }
  const others = vmUuids(view).filter(
    (other) => other !== uuid && applianceOf(view, other) === appliance,
  );
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<Environment xmlns="${NAMESPACE}" xmlns:oe="${NAMESPACE}" oe:id="${escape(idOf(view, uuid))}">`,
    '  <PlatformSection>',
    '    <Kind>Xen</Kind>',
    '  </PlatformSection>',
    ...section(view, uuid, '  '),
    ...others.flatMap((other) => [
      `  <Entity oe:id="${escape(idOf(view, other))}">`,
      ...section(view, other, '    '),
      '  </Entity>',
    ]),
    '</Environment>',
    '',
  ].join('\n');
}

function applianceOf(view: View, uuid: string): string {
  return view.read(`/vm/${uuid}/appliance`) ?? '';
}

function idOf(view: View, uuid: string): string {
  return view.read(`/vm/${uuid}/vsid`) ?? uuid;
}

function section(view: View, uuid: string, indent: string): readonly string[] {
  const lines = productProperties(view, uuid).map(({ id }) => {
    const value = view.read(`/vm/${uuid}/productproperty/${id}/value`) ?? '';
    return `${indent}  <Property oe:key="${escape(id)}" oe:value="${escape(value)}"/>`;
  });
  return [`${indent}<PropertySection>`, ...lines, `${indent}</PropertySection>`];
}

/** Text for an attribute; characters that no XML document can have become question marks. */
function escape(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '?')
    .replaceAll(/[&<>"\t\n\r]/g, (character) => `&#${String(character.codePointAt(0))};`);
}
