# Eigenvalues of a symmetric matrix by Jacobi's rotations: for the small matrices of CMA-ES, with the same bits wherever it runs,
# which a linear algebra library with threads does not promise.

"""
    eigen!(C, B) -> values

Eigenvalues of the symmetric `C`; the columns of `B` become its eigenvectors. The nearer those that `B` has already, as it does
after a small change of `C`, the less is to do; `B` must be orthogonal.
"""
function eigen!(C::Matrix{Float64}, B::Matrix{Float64})
    n = size(C, 1)
    A = product(Matrix(B'), product(C, B))
    for sweep in 1:30
        off = diagonal = 0.0
        for q in 1:n, p in 1:n
            p == q ? (diagonal += A[p, q]^2) : (off += A[p, q]^2)
        end
        off <= 1e-30 * diagonal && break
        for q in 2:n, p in 1:q-1
            abs(A[p, q]) > 0 && rotate!(A, B, p, q)
        end
    end
    orthogonalise!(B)
    return [A[i, i] for i in 1:n]
end

"The rotation that makes A[p, q] zero (Golub and Van Loan 2013, section 8.5)."
function rotate!(A::Matrix{Float64}, B::Matrix{Float64}, p::Int, q::Int)
    tau = (A[q, q] - A[p, p]) / (2 * A[p, q])
    t = (tau >= 0 ? 1.0 : -1.0) / (abs(tau) + sqrt(1 + tau^2))
    c = 1 / sqrt(1 + t^2)
    s = t * c
    n = size(A, 1)
    @inbounds for k in 1:n
        x, y = A[k, p], A[k, q]
        A[k, p], A[k, q] = c * x - s * y, s * x + c * y
    end
    @inbounds for k in 1:n
        x, y = A[p, k], A[q, k]
        A[p, k], A[q, k] = c * x - s * y, s * x + c * y
    end
    @inbounds for k in 1:n
        x, y = B[k, p], B[k, q]
        B[k, p], B[k, q] = c * x - s * y, s * x + c * y
    end
    return nothing
end

"Takes away what rounding has added over thousands of rotations (Gram and Schmidt)."
function orthogonalise!(B::Matrix{Float64})
    n = size(B, 1)
    for q in 1:n
        for p in 1:q-1
            along = 0.0
            for k in 1:n
                along += B[k, p] * B[k, q]
            end
            for k in 1:n
                B[k, q] -= along * B[k, p]
            end
        end
        length = 0.0
        for k in 1:n
            length += B[k, q]^2
        end
        for k in 1:n
            B[k, q] /= sqrt(length)
        end
    end
    return nothing
end

"The product of two matrices, in one order of summation wherever it runs."
function product(A::Matrix{Float64}, X::Matrix{Float64})
    Y = zeros(size(A, 1), size(X, 2))
    @inbounds for j in 1:size(X, 2), k in 1:size(A, 2)
        x = X[k, j]
        @simd for i in 1:size(A, 1)
            Y[i, j] += A[i, k] * x
        end
    end
    return Y
end
