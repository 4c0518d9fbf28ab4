export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' } }] },
  roots: ['<rootDir>/test'],
  testTimeout: 120_000,
  // Jest would leave one core of two idle.
  maxWorkers: 2,
};
