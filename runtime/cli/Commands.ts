/**
 * The subcommands of `gemflow`, in the order in which help lists them. Only the one that is called is loaded, with what it
 * imports: half of what a question costs is the loading of modules.
 */
const commands = {
  run: () => import("./RunCommand.ts").then(({ runCommand }) => runCommand),
  plan: () => import("./PlanCommand.ts").then(({ planCommand }) => planCommand),
  why: () => import("./WhyCommand.ts").then(({ whyCommand }) => whyCommand),
  show: () => import("./ShowCommand.ts").then(({ showCommand }) => showCommand),
  lineage: () => import("./LineageCommand.ts").then(({ lineageCommand }) => lineageCommand),
  trace: () => import("./TraceCommand.ts").then(({ traceCommand }) => traceCommand),
  diff: () => import("./DiffCommand.ts").then(({ diffCommand }) => diffCommand),
  runs: () => import("./RunsCommand.ts").then(({ runsCommand }) => runsCommand),
  ablate: () => import("./AblateCommand.ts").then(({ ablateCommand }) => ablateCommand),
  export: () => import("./ExportCommand.ts").then(({ exportCommand }) => exportCommand),
  gc: () => import("./GcCommand.ts").then(({ gcCommand }) => gcCommand),
  pin: () => import("./PinCommand.ts").then(({ pinCommand }) => pinCommand),
  unpin: () => import("./PinCommand.ts").then(({ unpinCommand }) => unpinCommand),
  verify: () => import("./VerifyCommand.ts").then(({ verifyCommand }) => verifyCommand),
  merge: () => import("./MergeCommand.ts").then(({ mergeCommand }) => mergeCommand),
  graph: () => import("./GraphCommand.ts").then(({ graphCommand }) => graphCommand),
  nodes: () => import("./NodesCommand.ts").then(({ nodesCommand }) => nodesCommand),
  init: () => import("./InitCommand.ts").then(({ initCommand }) => initCommand),
  devices: () => import("./DevicesCommand.ts").then(({ devicesCommand }) => devicesCommand)
} as const

const isCommand = (name: string): name is keyof typeof commands => Object.hasOwn(commands, name)

/** The command that arguments begin with; all of them where they begin with none, for help and for suggestions. */
export const commandsFor = async ([name = ""]: ReadonlyArray<string>) =>
  isCommand(name) ? [await commands[name]()] : await Promise.all(Object.values(commands).map((load) => load()))
