"""Supervised and semi-supervised training of classifiers."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import lightning
import torch
from torch import Tensor
from torch.nn import functional as F

from ae_lightning.config.classifiers import Classifier, SemiSupervisedTraining
from ae_lightning.data.labelled import UnlabelledBatch
from ae_lightning.data.sampler import epoch_seed
from ae_lightning.distributed.global_batch import jointly, weighed, whole_batch
from ae_lightning.nn import classifier as nets
from ae_lightning.nn.corruption import corrupt
from ae_lightning.nn.losses import LOSSES, resolve_loss
from ae_lightning.nn.optim import build

MEMORY = 0.99
"""Decay of the moving average of the teacher's class probabilities, per step."""


class Supervision(lightning.LightningModule):
    """Supervised training by cross-entropy on labelled images.

    With ``frozen``, only the last layer learns. Logs ``train/loss`` and, where there is something
    to validate on, ``val/error``, the share of wrong answers, per epoch.
    """

    def __init__(
        self, classifier: nets.Classifier, settings: Classifier, seed: int, *, frozen: bool = False
    ) -> None:
        super().__init__()
        self.classifier, self.settings, self.seed = classifier, settings, seed
        features = classifier.stack.specs[0].inputs
        learned = nets.trained_parameters(classifier, features, decoder=self.decodes)
        kept = {name for name in learned if not (frozen and name.startswith("stack."))}
        for name, parameter in classifier.named_parameters():
            parameter.requires_grad_(name in kept)

    @property
    def decodes(self) -> bool:
        """Whether the decoder is trained, too."""
        return False

    @property
    def result(self) -> nets.Classifier:
        """The classifier to keep."""
        return self.classifier

    def learned(self) -> dict[str, Tensor]:
        """Learned parameters by name: those that were not fixed."""
        found = dict(self.result.named_parameters())
        fixed = {name for name, p in self.classifier.named_parameters() if not p.requires_grad}
        return {name: value.detach() for name, value in found.items() if name not in fixed}

    def training_step(self, batch: dict[str, Any]) -> Tensor:
        """Loss of a batch."""
        images, labels = batch["labelled"]
        loss = self.labelled_loss(self.classifier(images), labels)
        self.log("train/loss", loss, on_step=False, on_epoch=True, sync_dist=True)
        return weighed(loss)

    def labelled_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Smoothed cross-entropy of ``logits`` ``(batch, classes)``, ``labels`` ``(batch,)``."""
        return F.cross_entropy(logits.float(), labels, label_smoothing=self.settings.smoothing)

    def validation_step(self, batch: tuple[Tensor, Tensor]) -> None:
        """Share of wrong answers in a batch."""
        images, labels = batch
        wrong = (self.result(images).argmax(1) != labels).float().mean()
        self.log("val/error", wrong, batch_size=len(labels), sync_dist=True)

    def on_train_epoch_start(self) -> None:
        """Seed random numbers by the epoch, so that a resumed training repeats them."""
        torch.manual_seed(epoch_seed(self.seed, self.current_epoch))

    def configure_optimizers(self) -> Any:
        """The configured optimiser with its schedule, stepped every batch."""
        steps = int(self.trainer.estimated_stepping_batches)
        learned = [parameter for parameter in self.parameters() if parameter.requires_grad]
        optimizer, schedule = build(learned, self.settings.train, steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


class Consistency(Supervision):
    """Semi-supervised training: a teacher's confident answers are targets for augmented copies.

    Pseudo-labels of clean images, learned from augmented and corrupted copies (Sohn et al. 2020,
    "FixMatch", section 2.2); the teacher is the mean of the weights over steps (Tarvainen & Valpola
    2017, "Mean teachers", section 2), its answers divided by how often it gives each (Berthelot et
    al. 2020, "ReMixMatch", section 3.1, classes equally frequent). The decoder reconstructs the
    clean images (as in Rasmus et al. 2015, "Ladder networks", without lateral connections). The
    teacher is kept.
    """

    steps: Tensor
    usual: Tensor

    def __init__(self, classifier: nets.Classifier, settings: Classifier, seed: int) -> None:
        assert settings.unlabelled is not None
        self.unlabelled: SemiSupervisedTraining = settings.unlabelled
        super().__init__(classifier, settings, seed)
        self.teacher = copy.deepcopy(classifier).requires_grad_(False)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        classes = classifier.head.out_features
        self.register_buffer("usual", torch.full((classes,), 1 / classes))
        stack = classifier.stack
        self.reconstruction = LOSSES[resolve_loss("matching", stack.specs[0].output)]

    @property
    def decodes(self) -> bool:
        """Whether the decoder is trained, too."""
        return self.unlabelled.reconstruction > 0

    @property
    def result(self) -> nets.Classifier:
        """The teacher."""
        return self.teacher.eval()

    def training_step(self, batch: dict[str, Any]) -> Tensor:
        """Loss of a batch of labelled and unlabelled images."""
        images, labels = batch["labelled"]
        unsure: UnlabelledBatch = batch["unlabelled"]
        copies = jointly(corrupt, unsure.copies, self.unlabelled.corruption)
        code = self.classifier.code(torch.cat([images, copies]))
        logits = self.classifier.logits(code).float()
        loss = self.labelled_loss(logits[: len(images)], labels)
        agreed = self.pseudo_labelled_loss(logits[len(images) :], self.answers(unsure.clean))
        loss = loss + self.unlabelled.weight * agreed
        if self.decodes:
            error = self.reconstruction_error(code[len(images) :], unsure.clean)
            loss = loss + self.unlabelled.reconstruction * error
        self.log("train/loss", loss, on_step=False, on_epoch=True, sync_dist=True)
        return weighed(loss)

    @torch.no_grad()
    def answers(self, images: Tensor) -> Tensor:
        """The teacher's class probabilities of ``images``, ``(batch, classes)``."""
        said = F.softmax(self.result(images).float(), dim=1)
        all_said = whole_batch(said, partial(self.all_gather))
        self.usual.lerp_(all_said.mean(0), 1 - MEMORY)
        return F.normalize(said / self.usual, p=1, dim=1)

    def pseudo_labelled_loss(self, logits: Tensor, answers: Tensor) -> Tensor:
        """Cross-entropy with the likeliest class where it is likely enough, over all images."""
        sure, classes = answers.max(1)
        losses = F.cross_entropy(logits, classes, reduction="none")
        return (losses * (sure >= self.unlabelled.confidence)).mean()

    def reconstruction_error(self, code: Tensor, images: Tensor) -> Tensor:
        """Error of decoding ``code`` ``(batch, code)``, per value of an image."""
        stack = self.classifier.stack
        target = stack.target(images)
        return self.reconstruction(stack.decode_logits(code), target, stack.output) / len(target[0])

    @torch.no_grad()
    def on_train_batch_end(self, *_: Any) -> None:
        """Update the teacher; at first quickly, as its first weights know nothing."""
        self.steps += 1
        stay = min(self.unlabelled.decay, float(self.steps) / (float(self.steps) + 9))
        pairs = zip(self.teacher.parameters(), self.classifier.parameters(), strict=True)
        for mine, its in pairs:
            if its.requires_grad:
                mine.lerp_(its, 1 - stay)


def module_for(
    classifier: nets.Classifier, settings: Classifier, seed: int, *, frozen: bool
) -> Supervision:
    """The LightningModule for ``settings``: supervised or semi-supervised."""
    if settings.unlabelled is not None:
        return Consistency(classifier, settings, seed)
    return Supervision(classifier, settings, seed, frozen=frozen)
