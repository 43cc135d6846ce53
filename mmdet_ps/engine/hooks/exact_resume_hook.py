"""Lets a training that was killed end where an unbroken one ends."""

from __future__ import annotations

import torch
from mmdet.registry import HOOKS
from mmengine import dist
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch.utils.data import DataLoader, Sampler

from mmdet_ps.engine.numbered_batches import NumberedBatches
from mmdet_ps.utils.randomness import random_state, restore_random_state

KEY = 'exact_resume'


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """Keeps in every checkpoint what mmengine leaves out of it.

    These are the random numbers of all processes, the seed of the sampler,
    the batches already used of a begun epoch, and gradients accumulated but
    not applied. Loader processes are seeded by the number of each batch.
    Neither changes what an unbroken training on one loader process draws.

    Validation takes no part: it leaves the random numbers as it found them,
    and where the training was killed during one, a resumed run repeats it.
    """

    priority = 'VERY_LOW'

    def __init__(self) -> None:
        self.resumed: dict | None = None
        self.states: list[dict] | None = None
        self.gradients: dict | None = None
        self.before_validation: dict | None = None
        self.epoch = self.epoch_start = 0

    # Saving.

    def gather_before_save(self, runner: Runner) -> None:
        """Collect what only the other processes know; on every process.

        ``WholeCheckpointHook`` calls it, since mmengine calls
        ``before_save_checkpoint`` in the first process alone.
        """
        state = self.before_validation or random_state()
        self.states = dist.all_gather_object(state)
        if not runner.optim_wrapper.should_update():
            self.gradients = joined_gradients(bare(runner.model))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Put into the checkpoint what an exact continuation needs.

        Args:
            runner: The runner.
            checkpoint: What will be written.
        """
        loader = runner.train_dataloader
        meta = checkpoint['meta']
        begun = meta['epoch'] == self.epoch
        checkpoint[KEY] = dict(
            random_states=self.states or [random_state()],
            sampler_seed=getattr(sampler_of(loader), 'seed', None),
            batches_used=meta['iter'] - self.epoch_start if begun else 0,
            batches_per_epoch=len(loader),
            gradients=self.gradients,
        )
        self.states = self.gradients = None

    # Resuming.

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Take what the checkpoint of a training to resume holds."""
        if runner._resume:
            self.resumed = checkpoint.get(KEY)
            if self.resumed is None:
                runner.logger.warning(
                    'the checkpoint was written without ExactResumeHook: the '
                    'training goes on, but with other random numbers than '
                    'an unbroken one'
                )

    def before_train(self, runner: Runner) -> None:
        """Number the batches, and make up for a validation cut short."""
        loader = runner.train_dataloader
        if self.resumed and self.resumed['sampler_seed'] is not None:
            sampler_of(loader).seed = self.resumed['sampler_seed']
        if loader.batch_sampler is not None:
            seeds = None
            if loader.num_workers:
                seeds = (runner.seed or 0, dist.get_rank())
            # The loader guards the attribute, since its iterators keep a
            # reference; none exists yet.
            object.__setattr__(
                loader,
                'batch_sampler',
                NumberedBatches(loader.batch_sampler, seeds),
            )
        if self.resumed and validation_is_due(runner):
            runner.logger.info('repeating the validation that was cut short')
            runner.val_loop.run()

    def before_train_epoch(self, runner: Runner) -> None:
        """Stand where the interrupted training stood."""
        loader = runner.train_dataloader
        used = self._batches_used(runner)
        self.epoch, self.epoch_start = runner.epoch, runner.iter - used
        batches = loader.batch_sampler
        if isinstance(batches, NumberedBatches):
            batches.number = runner.iter
            if isinstance(runner.train_loop, EpochBasedTrainLoop):
                batches.skipped = used
            elif not (hasattr(loader.sampler, 'skip') and loader.batch_size):
                # The loop cannot forward this sampler: it runs through the
                # batches from the first one.
                batches.number = 0
        if used or (runner.epoch and loader.persistent_workers):
            # A new iterator draws a number; the unbroken training made this
            # one earlier.
            loader.generator = torch.Generator()
        if self.resumed:
            self._restore(runner, self.resumed)
            self.resumed = None

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Let later epochs draw as in an unbroken training."""
        runner.train_dataloader.generator = None

    def after_train_epoch(self, runner: Runner) -> None:
        """The same, where nothing was left of the epoch."""
        runner.train_dataloader.generator = None

    def _batches_used(self, runner: Runner) -> int:
        """How much of the epoch that begins was trained before."""
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            return runner.iter
        if not self.resumed:
            return 0
        then = self.resumed['batches_per_epoch']
        now = len(runner.train_dataloader)
        used = self.resumed['batches_used']
        if then == now:
            return used
        runner.logger.warning(
            f'an epoch had {then} batches and has {now} now (another number '
            'of pictures, or of processes): the resumed training is not the '
            'exact continuation'
        )
        return used * now // then

    def _restore(self, runner: Runner, resumed: dict) -> None:
        states = resumed['random_states']
        if len(states) == dist.get_world_size():
            restore_random_state(states[dist.get_rank()])
        else:
            runner.logger.warning(
                f'the checkpoint was written by {len(states)} processes, now '
                f'there are {dist.get_world_size()}: the resumed training '
                'draws other random numbers than an unbroken one'
            )
        gradients = resumed['gradients'] or {}
        for name, parameter in bare(runner.model).named_parameters():
            if name in gradients:
                parameter.grad = gradients[name].to(parameter)

    # Validation.

    def before_val(self, runner: Runner) -> None:
        """Remember the random numbers, and that this validation was run."""
        self.before_validation = random_state()
        runner.message_hub.update_info('validated_iter', runner.iter)

    def after_val(self, runner: Runner) -> None:
        """Give the random numbers back as they were."""
        restore_random_state(self.before_validation)
        self.before_validation = None


def bare(model: torch.nn.Module) -> torch.nn.Module:
    """The model without the wrapper of distributed training."""
    return model.module if is_model_wrapper(model) else model


def sampler_of(loader: DataLoader) -> Sampler:
    """The sampler that decides the order of a loader's samples."""
    return getattr(loader.batch_sampler, 'sampler', loader.sampler)


def joined_gradients(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The gradients accumulated so far, means over the processes.

    Each process holds those of its own images. What they add up to is the
    same when every process goes on from the mean.
    """
    gradients = {}
    alone = dist.get_world_size() == 1
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad or (alone and parameter.grad is None):
            continue
        # All processes have to exchange the same ones.
        gradient = torch.zeros_like(parameter)
        if parameter.grad is not None:
            gradient.copy_(parameter.grad)
        dist.all_reduce(gradient, 'mean')
        gradients[name] = gradient.cpu()
    return gradients


def validation_is_due(runner: Runner) -> bool:
    """Whether the loop was to validate here and did not come to it."""
    loop = runner.train_loop
    if runner.val_loop is None:
        return False
    done, total = loop.iter, loop.max_iters
    if isinstance(loop, EpochBasedTrainLoop):
        if loop.iter != loop.epoch * len(loop.dataloader):
            return False
        done, total = loop.epoch, loop.max_epochs
    loop._decide_current_val_interval()
    return (
        done >= loop.val_begin
        and (done % loop.val_interval == 0 or done == total)
        and runner.message_hub.runtime_info.get('validated_iter') != loop.iter
    )
