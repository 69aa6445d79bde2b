/** Trains in the folder it is given, and is killed in the middle of its second checkpoint. */
import { openDevice } from '../../../src/engine/index.js'
import { train } from '../../../src/train/index.js'
import { openTask } from '../../support/regression.js'
import { killedConfig } from './killed-config.js'

const task = openTask(await openDevice())
await train(task, {
  config: killedConfig,
  folder: process.argv[2]!,
  observers: [
    {
      onCheckpoint: () => {
        const tensor = task.parameters.get('second.weight')!.value
        tensor.data = () => {
          process.kill(process.pid, 'SIGKILL')
          return new Promise(() => {})
        }
      },
    },
  ],
})
