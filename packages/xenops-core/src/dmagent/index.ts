export { agentDevices, type AgentDevice } from './devices.ts';
export { listAgents, type Agent } from './agents.ts';
export { assignDevices, type AgentModel } from './assign.ts';
export { startAgentModels, stopAgentModels } from './models.ts';
