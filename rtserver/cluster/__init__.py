"""Managers: what carries an emit to the processes whose clients it is for."""
