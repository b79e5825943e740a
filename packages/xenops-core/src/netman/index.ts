export { moveVif, setVifOnline, type VifAddress } from './live-vif.ts';
