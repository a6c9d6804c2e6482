"""Compiled loops of the closed-form path: many steps of gradient descent of one perceptron."""
