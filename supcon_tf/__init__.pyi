# The names of __init__.py, for editors and type checkers; tests/test_public.py compares the two.

from supcon_tf import augment as augment
from supcon_tf import callbacks as callbacks
from supcon_tf import config as config
from supcon_tf import data as data
from supcon_tf import distribution as distribution
from supcon_tf import evaluation as evaluation
from supcon_tf import layers as layers
from supcon_tf import losses as losses
from supcon_tf import metrics as metrics
from supcon_tf import models as models
from supcon_tf import networks as networks
from supcon_tf import optim as optim
from supcon_tf import run as run
from supcon_tf.augment.layers import ColorJitter as ColorJitter
from supcon_tf.augment.layers import GaussianBlur as GaussianBlur
from supcon_tf.augment.layers import TwoViews as TwoViews
from supcon_tf.layers.heads import ClassificationHead as ClassificationHead
from supcon_tf.layers.heads import ProjectionHead as ProjectionHead
from supcon_tf.layers.normalization import UnitNorm as UnitNorm
from supcon_tf.losses.queue import Queue as Queue
from supcon_tf.losses.supcon import SupConLoss as SupConLoss
from supcon_tf.losses.supcon import supervised_contrastive_loss as supervised_contrastive_loss
from supcon_tf.metrics.positives import AnchorsWithoutPositives as AnchorsWithoutPositives
from supcon_tf.models.supcon_model import SupConModel as SupConModel
from supcon_tf.networks.registry import build_encoder as build_encoder
from supcon_tf.optim.lars import LARS as LARS
from supcon_tf.optim.schedules import learning_rate_schedule as learning_rate_schedule
from supcon_tf.run.experiment import run_experiment as run_experiment

__version__: str
