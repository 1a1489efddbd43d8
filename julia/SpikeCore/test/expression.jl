for (text, f) in ["0.02 * exp(g) / (1 + exp(g))" => g -> 0.02 * exp(g) / (1 + exp(g)), "g^2 + 1" => g -> g^2 + 1,
                  "max(g, 0)" => g -> max(g, 0), "-g" => g -> -g, "softplus(g)" => g -> log(1 + exp(g)), "3" => g -> 3.0]
    h = S.nonlinearity_from_text(text)
    @test all(Base.invokelatest(h, g) ≈ f(g) for g in (-2.0, 0.0, 1.5))
    @test Base.invokelatest(h, 1.5f0) isa Float32
    @test S.nonlinearity_from_text(text) === h      # compiled once
end

for text in ("run(`ls`)", "Base.exit()", "x + 1", "g; 1", "let g = 1; g end", "g -> g", "\"a\"", "eval(g)", "[g]", "g.a",
             "ccall(:getpid, Int32, ())", "g = 3", "(g", "")
    @test_throws SpikeCoreError S.nonlinearity_from_text(text)
end
