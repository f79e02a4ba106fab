"""What a trainer said in any syntax, and what each tracker has to hold of it by the table of decision 0010.

Lives here: ``book`` (the trainers' own journal), ``trainers`` (one program for each syntax), ``points`` (what the three
have in common), ``in_mlflow``, ``in_tensorboard`` and ``in_wandb`` (what is to be there, against what the tracker's own
store has). May import: the product's collectors in ``trainers`` alone, and no mapping of the product elsewhere, so that
no mistake is made twice.
"""
