// Compiled for coverage and never run.

int
uncovered (int x)
{
  if (x > 0)
    return 1;
  return 0;
}
