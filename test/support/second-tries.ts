import type { Reporter, TestModule } from 'vitest/node';

/** Names the tests that passed at their second try only (`vitest run --retry=1`), so that none stays unseen. */
export default class SecondTries implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const unsteady = modules.flatMap((module) =>
      [...module.children.allTests()].filter((test) => test.diagnostic()?.flaky === true),
    );
    for (const test of unsteady) {
      console.log(`passed at its second try only: ${test.module.relativeModuleId} > ${test.fullName}`);
      for (const error of test.result().errors ?? []) console.log(`  ${error.message}`);
    }
  }
}
