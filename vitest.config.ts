import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"

const conditions = ["gemflow-source", "node", "import", "module", "default"]

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 240_000,
    hookTimeout: 60_000,
    pool: "forks",
    // Tests run the command in their own process too, and what it says on standard error is looked at.
    execArgv: ["--disable-warning=ExperimentalWarning"],
    // On two cores vitest would run one file at a time, of which many wait for processes of their own.
    maxWorkers: Math.max(2, availableParallelism() - 1)
  }
})
