export { OracleHost, type OracleKind } from '@xenops/core/compliance';
